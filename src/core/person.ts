/** Someone as a forge or a commit names them. */
export interface Person {
  readonly name: string;
  readonly email: string | undefined;
}

// Letters of other scripts that look like Latin ones, and what is easily taken for one another among the Latin ones (Unicode Technical Standard 39
// calls the outcome a skeleton). It need not be complete: it only makes two names one, which costs an approval and never grants one.
const lookAlikes: ReadonlyMap<string, string> = new Map(
  [
    "aаɑα",
    "bЬьƅв",
    "cсϲ",
    "dԁ",
    "eеҽєε",
    "fϝ",
    "gɡց",
    "hһн",
    "jјϳ",
    "kкκ",
    "mмᴍ",
    "nпոη",
    "oоοօ0",
    "pрρ",
    "qԛ",
    "rгᴦ",
    "sѕꜱ",
    "tтτ",
    "uսυц",
    "vνѵ",
    "wԝшω",
    "xхχ",
    "yуүγ",
    "zᴢ",
    "lіıιɩ1|!i",
  ].flatMap((row) => [...row].map((letter): [string, string] => [letter, row[0] ?? ""])),
);

/**
 * What a name looks like: without case, accents, spaces and punctuation, and with look-alikes made one. Names with one skeleton may be one person's;
 * `rn` is `m`, and `alice` in Cyrillic letters is alice.
 */
export function skeleton(name: string): string {
  const plain = name
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[\p{M}\p{Cf}\p{Z}\p{P}\p{Cc}]/gu, "");
  return [...plain]
    .map((letter) => lookAlikes.get(letter) ?? letter)
    .join("")
    .replaceAll("rn", "m")
    .replaceAll("vv", "w");
}

/** An address without case and without the tag that people add to get a second one (`alice+2@…`). */
function addressKey(email: string): string {
  const [local = "", ...rest] = email.normalize("NFKC").toLowerCase().split("@");
  return `${local.replace(/\+.*/, "")}@${rest.join("@")}`;
}

/** A name as policies write it and forges compare it. */
export function loginKey(name: string): string {
  return name.replace(/^@/, "").toLowerCase();
}

/**
 * Whether two may be one person: the same address, or names that look the same. Two whom the policies name both are two.
 *
 * @param known `loginKey` of everyone whom policies name
 */
export function maySame(a: Person, b: Person, known: ReadonlySet<string>): boolean {
  const [first, second] = [loginKey(a.name), loginKey(b.name)];
  if (first === second) return true;
  if (addresses(a).some((address) => addresses(b).includes(address))) return true;
  return !(known.has(first) && known.has(second)) && skeleton(a.name) === skeleton(b.name);
}

/** Whether two bear one name or one address, but for case. `maySame` takes a right away from look-alikes; this one gives none to them. */
export function isSame(a: Person, b: Person): boolean {
  if (loginKey(a.name) === loginKey(b.name)) return true;
  return a.email !== undefined && a.email.toLowerCase() === b.email?.toLowerCase();
}

/** A name may be an address, too. */
function addresses({ name, email }: Person): readonly string[] {
  return [name, email ?? ""].filter((text) => text.includes("@") && !text.startsWith("@")).map(addressKey);
}
