/** An IP address as a number of 32 or 128 bits. */
export class Ip {
  readonly kind = "ip";
  readonly family: 4 | 6;
  readonly bits: bigint;
  constructor(family: 4 | 6, bits: bigint) {
    this.family = family;
    this.bits = bits;
  }
}

/** A network: an address, not necessarily its first, and the length of its prefix. */
export class Cidr {
  readonly kind = "cidr";
  readonly address: Ip;
  readonly prefix: number;
  constructor(address: Ip, prefix: number) {
    this.address = address;
    this.prefix = prefix;
  }
}

/** Parses as Kubernetes does: no zone, no IPv4 written as IPv6, no leading zeros. */
export function parseIp(text: string): Ip | undefined {
  if (!text.includes(":")) return parseIp4(text);
  // As Go has it, what comes first decides.
  if (text.indexOf(".") !== -1 && text.indexOf(".") < text.indexOf(":")) return undefined;
  const address = parseIp6(text);
  return address === undefined || address.bits >> 32n === 0xffffn ? undefined : address;
}

function parseIp4(text: string): Ip | undefined {
  const fields = /^([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})$/.exec(text)?.slice(1);
  if (fields === undefined) return undefined;
  if (fields.some((field) => (field.length > 1 && field.startsWith("0")) || Number(field) > 255)) return undefined;
  return new Ip(4, join(fields.map(Number), 8n));
}

/** Also what `parseIp` refuses: IPv4 written as IPv6. */
export function parseIp6(text: string): Ip | undefined {
  const [before = "", after, ...more] = text.split("::");
  if (more.length > 0) return undefined;
  const head = groups(before, after === undefined);
  const tail = after === undefined ? [] : groups(after, true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (after === undefined ? missing !== 0 : missing < 1) return undefined;
  return new Ip(6, join([...head, ...new Array<number>(missing).fill(0), ...tail], 16n));
}

/** Groups of 16 bits; the last may be an IPv4 address, which is two. */
function groups(text: string, last: boolean): readonly number[] | undefined {
  if (text === "") return [];
  const parsed: number[] = [];
  const fields = text.split(":");
  for (const [index, field] of fields.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(field)) {
      parsed.push(Number.parseInt(field, 16));
      continue;
    }
    const embedded = last && index === fields.length - 1 ? parseIp4(field) : undefined;
    if (embedded === undefined) return undefined;
    parsed.push(Number(embedded.bits >> 16n), Number(embedded.bits & 0xffffn));
  }
  return parsed;
}

function join(fields: readonly number[], width: bigint): bigint {
  let bits = 0n;
  for (const field of fields) bits = (bits << width) | BigInt(field);
  return bits;
}

/** The canonical text: RFC 5952 for IPv6. */
export function formatIp({ family, bits }: Ip): string {
  if (family === 4) return split(bits, 4, 8n).join(".");
  const fields = split(bits, 8, 16n);
  const [start, length] = longestZeros(fields);
  const texts = fields.map((field) => field.toString(16));
  if (length < 2) return texts.join(":");
  return `${texts.slice(0, start).join(":")}::${texts.slice(start + length).join(":")}`;
}

function split(bits: bigint, count: number, width: bigint): readonly bigint[] {
  const mask = (1n << width) - 1n;
  return Array.from({ length: count }, (_, index) => (bits >> (width * BigInt(count - 1 - index))) & mask);
}

function longestZeros(fields: readonly bigint[]): readonly [start: number, length: number] {
  let best: readonly [number, number] = [0, 0];
  let start = 0;
  for (const [index, field] of fields.entries()) {
    if (field !== 0n) start = index + 1;
    else if (index + 1 - start > best[1]) best = [start, index + 1 - start];
  }
  return best;
}

export function parseCidr(text: string): Cidr | undefined {
  const slash = text.lastIndexOf("/");
  const address = slash < 0 ? undefined : parseIp(text.slice(0, slash));
  const digits = text.slice(slash + 1);
  if (address === undefined || !/^(?:0|[1-9][0-9]{0,2})$/.test(digits)) return undefined;
  return Number(digits) > widthOf(address) ? undefined : new Cidr(address, Number(digits));
}

export function formatCidr({ address, prefix }: Cidr): string {
  return `${formatIp(address)}/${prefix}`;
}

/** The network with the address's bits behind the prefix cleared. */
export function masked({ address, prefix }: Cidr): Cidr {
  return new Cidr(new Ip(address.family, network(address, prefix) << BigInt(widthOf(address) - prefix)), prefix);
}

export function containsIp(cidr: Cidr, ip: Ip): boolean {
  return cidr.address.family === ip.family && network(cidr.address, cidr.prefix) === network(ip, cidr.prefix);
}

/** Whether the second lies within the first. Any network lies within one of its family with prefix 0. */
export function containsCidr(outer: Cidr, inner: Cidr): boolean {
  return outer.prefix <= inner.prefix && containsIp(outer, inner.address);
}

/** Bytes that the prefix touches: what Kubernetes calls the size of a network. */
export function cidrSize({ prefix }: Cidr): number {
  return Math.ceil(prefix / 8);
}

export function widthOf({ family }: Ip): 32 | 128 {
  return family === 4 ? 32 : 128;
}

function network(address: Ip, prefix: number): bigint {
  return address.bits >> BigInt(widthOf(address) - prefix);
}
