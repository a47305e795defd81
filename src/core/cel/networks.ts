import {
  type Cidr,
  cidrSize,
  containsCidr,
  containsIp,
  formatCidr,
  formatIp,
  type Ip,
  masked,
  parseCidr,
  parseIp,
  widthOf,
} from "./addresses.ts";
import { fun, method, type Overload, type Price, rebuilding, traversal } from "./overloads.ts";
import { type CelValue, Failure, kindOf, lengthInCharacters, type Outcome } from "./values.ts";

const ipComplaint = (text: string) =>
  parseIp(text) === undefined ? `${JSON.stringify(text)} is no IP address` : undefined;
const cidrComplaint = (text: string) =>
  parseCidr(text) === undefined ? `${JSON.stringify(text)} is no network, such as 10.0.0.0/8` : undefined;

const noIp = () => new Failure("not an IP address");
const noCidr = () => new Failure("not a network");

/** `10.0.0.0/8` twice, and the other one's text. */
const containing = {
  before: (cidr: CelValue, other: CelValue, known: boolean) =>
    Math.ceil(cidrOf(cidr) * 0.2) + (known ? textPrice(other) : 0),
};
const containingNetwork: Price = {
  before: (cidr, other, known) => containing.before(cidr, other, known) + Math.ceil(cidrOf(cidr) * 0.1) + 1,
};

function cidrOf(value: CelValue): number {
  return isKind(value, "cidr") ? cidrSize(value) : 1;
}

function isKind(value: CelValue, kind: "cidr"): value is Cidr {
  return kindOf(value) === kind;
}

function textPrice(value: CelValue): number {
  if (typeof value === "string") return Math.ceil(lengthInCharacters(value) * 0.1);
  return value === null ? 1 : 0;
}

function withIp(text: string, use: (ip: Ip) => Outcome): Outcome {
  const ip = parseIp(text);
  return ip === undefined ? noIp() : use(ip);
}

function top(ip: Ip, bits: number): bigint {
  return ip.bits >> BigInt(widthOf(ip) - bits);
}

function isLoopback(ip: Ip): boolean {
  return ip.family === 4 ? top(ip, 8) === 127n : ip.bits === 1n;
}

function isMulticast(ip: Ip): boolean {
  return ip.family === 4 ? top(ip, 4) === 0xen : top(ip, 8) === 0xffn;
}

function isLinkLocalUnicast(ip: Ip): boolean {
  return ip.family === 4 ? top(ip, 16) === 0xa9fen : top(ip, 10) === 0x3fan;
}

/** IPv6: any multicast address of link-local scope, whatever its flags. */
function isLinkLocalMulticast(ip: Ip): boolean {
  return ip.family === 4 ? top(ip, 24) === 0xe00000n : (top(ip, 16) & 0xff0fn) === 0xff02n;
}

function isGlobalUnicast(ip: Ip): boolean {
  if (ip.bits === 0n || (ip.family === 4 && ip.bits === 0xffffffffn)) return false;
  return !isLoopback(ip) && !isMulticast(ip) && !isLinkLocalUnicast(ip);
}

/** Kubernetes' functions on IP addresses and networks. */
export const networks: readonly Overload[] = [
  fun("ip", ["string"], "ip", (text) => parseIp(text) ?? noIp(), { price: traversal, complaint: ipComplaint }),
  fun("isIP", ["string"], "bool", (text) => parseIp(text) !== undefined, { price: traversal }),
  fun("ip.isCanonical", ["string"], "bool", (text) => withIp(text, (ip) => formatIp(ip) === text), {
    price: rebuilding,
    complaint: ipComplaint,
  }),
  fun("string", ["ip"], "string", formatIp),
  method("family", ["ip"], "int", (ip) => BigInt(ip.family)),
  method("isUnspecified", ["ip"], "bool", (ip) => ip.bits === 0n),
  method("isLoopback", ["ip"], "bool", isLoopback),
  method("isLinkLocalMulticast", ["ip"], "bool", isLinkLocalMulticast),
  method("isLinkLocalUnicast", ["ip"], "bool", isLinkLocalUnicast),
  method("isGlobalUnicast", ["ip"], "bool", isGlobalUnicast),

  fun("cidr", ["string"], "cidr", (text) => parseCidr(text) ?? noCidr(), {
    price: traversal,
    complaint: cidrComplaint,
  }),
  fun("isCIDR", ["string"], "bool", (text) => parseCidr(text) !== undefined, { price: traversal }),
  fun("string", ["cidr"], "string", formatCidr),
  method("containsIP", ["cidr", "ip"], "bool", containsIp, { price: containing }),
  method("containsIP", ["cidr", "string"], "bool", (cidr, text) => withIp(text, (ip) => containsIp(cidr, ip)), {
    price: containing,
    complaint: ipComplaint,
  }),
  method("containsCIDR", ["cidr", "cidr"], "bool", containsCidr, { price: containingNetwork }),
  method(
    "containsCIDR",
    ["cidr", "string"],
    "bool",
    (cidr, text) => {
      const other = parseCidr(text);
      return other === undefined ? noCidr() : containsCidr(cidr, other);
    },
    { price: containingNetwork, complaint: cidrComplaint },
  ),
  method("ip", ["cidr"], "ip", ({ address }) => address),
  method("prefixLength", ["cidr"], "int", ({ prefix }) => BigInt(prefix)),
  method("masked", ["cidr"], "cidr", masked),
];
