import { createHash, randomBytes } from "node:crypto";
import { link, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** The passwords of the bus: one file each, and one file of their digests for the bus. Stand-in for tokens and TokenReview. */
export class Identities {
  readonly #directory: string;
  /** What the bus checks passwords against: JSON, identity → SHA-256 in hex. */
  readonly tokensFile: string;
  readonly #passwords = new Map<string, string>();
  /** Identities without a pod, asked for by `credential`. */
  readonly #guests = new Set<string>();
  #accounts: readonly string[] = [];
  #written: string | undefined;
  #turn: Promise<void> = Promise.resolve();

  constructor(directory: string) {
    this.#directory = join(directory, "passwords");
    this.tokensFile = join(directory, "bus", "tokens.json");
  }

  /** What the bus is told. A broker that stretches passwords itself needs them; the digests say who is a client. */
  get variables(): Readonly<Record<string, string>> {
    return { SLIPWAY_BUS_TOKENS_FILE: this.tokensFile, SLIPWAY_BUS_PASSWORDS_DIR: this.#directory };
  }

  /** The identity's password, made if missing; the bus knows it when this returns. */
  async credential(identity: string): Promise<string> {
    if (!this.#accounts.includes(identity)) this.#guests.add(identity);
    await this.#publish();
    return this.password(identity);
  }

  /** Which service accounts the environment has: others (of deleted strategies) are forgotten by the bus. */
  async setAccounts(identities: readonly string[]): Promise<void> {
    this.#accounts = identities;
    await this.#publish();
  }

  /** Reads or makes a password. Two that make it at once get the same one: the link decides. */
  async password(identity: string): Promise<string> {
    const known = this.#passwords.get(identity);
    if (known !== undefined) return known;
    const path = join(this.#directory, `${identity.replace("/", ".")}`);
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const fresh = `${path}.${randomBytes(6).toString("hex")}`;
    await writeFile(fresh, randomBytes(32).toString("base64url"), { mode: 0o600, flag: "wx" });
    await link(fresh, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
    await rm(fresh);
    const password = (await readFile(path, "utf8")).trim();
    this.#passwords.set(identity, password);
    return password;
  }

  #publish(): Promise<void> {
    const next = this.#turn.then(() => this.#write());
    this.#turn = next.catch(() => undefined); // The caller gets the fault; the next turn tries again.
    return next;
  }

  async #write(): Promise<void> {
    const digests: Record<string, string> = {};
    for (const identity of [...new Set([...this.#accounts, ...this.#guests])].sort()) {
      digests[identity] = createHash("sha256")
        .update(await this.password(identity))
        .digest("hex");
    }
    const text = `${JSON.stringify(digests, null, 2)}\n`;
    if (text === this.#written) return;
    await mkdir(dirname(this.tokensFile), { recursive: true, mode: 0o700 });
    const fresh = `${this.tokensFile}.new`;
    await writeFile(fresh, text, { mode: 0o600 });
    await rename(fresh, this.tokensFile);
    this.#written = text;
  }
}
