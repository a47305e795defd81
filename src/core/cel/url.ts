import { parseIp, parseIp6 } from "./addresses.ts";

/** A URL in its parts, as Go's `net/url` reads it. */
export class Url {
  readonly kind = "url";
  readonly scheme: string;
  /** With its port, decoded; an IPv6 address in brackets. */
  readonly host: string;
  readonly escapedPath: string;
  /** Without its question mark, encoded. */
  readonly query: string;
  /** Equal for equal URLs. */
  readonly canonical: string;

  constructor(parts: Parts) {
    this.scheme = parts.scheme;
    this.host = parts.host;
    this.escapedPath = parts.path;
    this.query = parts.query;
    const { scheme, opaque, user, host, path, query, emptyQuery, fragment } = parts;
    this.canonical = JSON.stringify([scheme, opaque, user, host, path, query, emptyQuery, fragment]);
  }
}

interface Parts {
  readonly scheme: string;
  readonly opaque: string;
  readonly user: string;
  readonly host: string;
  readonly path: string;
  readonly query: string;
  readonly emptyQuery: boolean;
  readonly fragment: string;
}

/** Parses what Go's `url.ParseRequestURI` takes: an absolute URL or an absolute path. */
export function parseUrl(text: string): Url | undefined {
  if (readParts(text, true) === undefined) return undefined;
  // That one knows no fragment, so the parts come from a second reading.
  const hash = text.indexOf("#");
  const fragment = hash < 0 ? "" : text.slice(hash + 1);
  const parts = readParts(hash < 0 ? text : text.slice(0, hash), false);
  if (parts === undefined || !isEscaped(fragment)) return undefined;
  return new Url({ ...parts, fragment });
}

/** Whether `url.ParseRequestURI` takes the text. */
export function isUrl(text: string): boolean {
  return readParts(text, true) !== undefined;
}

function readParts(text: string, request: boolean): Parts | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what a URL must not hold.
  if (/[\u0000-\u001f\u007f]/.test(text) || (text === "" && request) || text.startsWith(":")) return undefined;
  const none = { scheme: "", opaque: "", user: "", host: "", path: "", query: "", emptyQuery: false, fragment: "" };
  if (text === "*") return { ...none, path: "*" };
  const schemeText = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text)?.[1];
  const scheme = schemeText?.toLowerCase() ?? "";
  const [beforeQuery, query, emptyQuery] = cutQuery(text.slice(schemeText === undefined ? 0 : scheme.length + 1));
  if (!beforeQuery.startsWith("/")) {
    if (scheme !== "") return { ...none, scheme, opaque: beforeQuery, query, emptyQuery };
    if (request || beforeQuery.split("/", 1)[0]?.includes(":")) return undefined;
  }
  let path = beforeQuery;
  let authority = { user: "", host: "" };
  if (path.startsWith("//") && (scheme !== "" || (!request && !path.startsWith("///")))) {
    const slash = path.indexOf("/", 2);
    const found = readAuthority(scheme, path.slice(2, slash < 0 ? path.length : slash));
    if (found === undefined) return undefined;
    authority = found;
    path = slash < 0 ? "" : path.slice(slash);
  }
  if (!isEscaped(path)) return undefined;
  return { ...none, ...authority, scheme, path: escapePath(path), query, emptyQuery };
}

function cutQuery(text: string): readonly [before: string, query: string, emptyQuery: boolean] {
  const mark = text.indexOf("?");
  if (mark < 0) return [text, "", false];
  return [text.slice(0, mark), text.slice(mark + 1), mark === text.length - 1];
}

function readAuthority(scheme: string, text: string): { readonly user: string; readonly host: string } | undefined {
  const mark = text.lastIndexOf("@");
  const user = mark < 0 ? "" : text.slice(0, mark + 1);
  const host = readHost(scheme, text.slice(mark + 1));
  if (host === undefined || !/^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/.test(user) || !isEscaped(user)) return undefined;
  return { user, host };
}

function readHost(scheme: string, text: string): string | undefined {
  if (text.startsWith("[")) return readLiteral(text);
  if (text.includes("[")) return undefined;
  const strict = scheme === "http" || scheme === "https";
  const colon = strict ? text.indexOf(":") : text.lastIndexOf(":");
  if (colon >= 0 && !isPort(text.slice(colon))) return undefined;
  return unescapeHost(text);
}

/** `[::1]:80`, perhaps with a zone: `[fe80::1%25eth0]`. */
function readLiteral(text: string): string | undefined {
  const close = text.lastIndexOf("]");
  const port = text.slice(close + 1);
  if (close < 0 || text.lastIndexOf("[") > 0 || !isPort(port)) return undefined;
  const literal = text.slice(1, close);
  const zoneAt = literal.indexOf("%25");
  const address = zoneAt < 0 ? literal : literal.slice(0, zoneAt);
  const zone = zoneAt < 0 ? "" : literal.slice(zoneAt + 3);
  if (parseIp(address) === undefined && parseIp6(address) === undefined) return undefined;
  if (!address.includes(":") || (zoneAt >= 0 && !/^[A-Za-z0-9\-._~]+$/.test(zone))) return undefined;
  return `[${address}${zoneAt < 0 ? "" : `%${zone}`}]${port}`;
}

function isPort(text: string): boolean {
  return /^(?::[0-9]*)?$/.test(text);
}

/** In a host only what is not ASCII may be written with a percent sign. */
function unescapeHost(text: string): string | undefined {
  if (!isEscaped(text) || /%(?!25)[0-7]/.test(text)) return undefined;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: every ASCII character that a host must not hold.
  if (/[\u0000-\u007f]/.test(text.replace(/[A-Za-z0-9\-_.~!$&'()*+,;=:[\]<>"%]/g, ""))) return undefined;
  return unescapeText(text, false);
}

/** Whether each percent sign begins an octet. */
function isEscaped(text: string): boolean {
  return !/%(?![0-9A-Fa-f]{2})/.test(text);
}

function unescapeText(text: string, plusIsSpace: boolean): string {
  const octets: number[] = [];
  const source = new TextEncoder().encode(plusIsSpace ? text.replaceAll("+", " ") : text);
  for (let index = 0; index < source.length; index += 1) {
    const octet = source[index] ?? 0;
    if (octet !== 0x25) {
      octets.push(octet);
      continue;
    }
    octets.push(Number.parseInt(String.fromCharCode(source[index + 1] ?? 0, source[index + 2] ?? 0), 16));
    index += 2;
  }
  return new TextDecoder().decode(Uint8Array.from(octets));
}

const pathKept = /^[A-Za-z0-9\-_.~$&+,/:;=@]$/;

/** The path as it was written if that is well encoded, else encoded anew. */
function escapePath(path: string): string {
  if (/^[A-Za-z0-9\-_.~$&+,/:;=@!'()*[\]%]*$/.test(path)) return path;
  let escaped = "";
  for (const match of path.matchAll(/%([0-9A-Fa-f]{2})|./gsu)) {
    const octets = match[1] === undefined ? new TextEncoder().encode(match[0]) : [Number.parseInt(match[1], 16)];
    for (const octet of octets) {
      const character = String.fromCharCode(octet);
      escaped += pathKept.test(character) ? character : `%${octet.toString(16).toUpperCase().padStart(2, "0")}`;
    }
  }
  return escaped;
}

/** Without port and brackets. */
export function hostnameOf({ host }: Url): string {
  const colon = host.lastIndexOf(":");
  const name = colon >= 0 && isPort(host.slice(colon)) ? host.slice(0, colon) : host;
  return name.startsWith("[") && name.endsWith("]") ? name.slice(1, -1) : name;
}

export function portOf({ host }: Url): string {
  const colon = host.lastIndexOf(":");
  return colon >= 0 && isPort(host.slice(colon)) ? host.slice(colon + 1) : "";
}

/** Values by key, in the order of the URL. Pairs that are not well encoded are left out. */
export function queryOf({ query }: Url): ReadonlyMap<string, readonly string[]> {
  const values = new Map<string, string[]>();
  for (const pair of query.split("&")) {
    if (pair === "" || pair.includes(";") || !isEscaped(pair)) continue;
    const mark = pair.indexOf("=");
    const key = unescapeText(mark < 0 ? pair : pair.slice(0, mark), true);
    const value = mark < 0 ? "" : unescapeText(pair.slice(mark + 1), true);
    const known = values.get(key);
    if (known === undefined) values.set(key, [value]);
    else known.push(value);
  }
  return values;
}
