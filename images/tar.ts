// A tar archive whose bytes depend on nothing but names, modes and contents [POSIX.1-1988, ustar].

export interface Entry {
  /** Relative, without a leading slash; folders too. */
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  /** A file's bytes; absent: a folder. */
  readonly content?: Uint8Array;
  /** Where a symbolic link points. */
  readonly link?: string;
}

const block = 512;

/** Sorted by path, owned by root, dated 1970; the folders above each entry are added. */
export function tar(entries: readonly Entry[]): Buffer {
  const all = new Map<string, Entry>();
  for (const entry of entries) {
    for (const folder of foldersAbove(entry.path)) if (!all.has(folder)) all.set(folder, { path: folder, mode: 0o755 });
    all.set(entry.path, entry);
  }
  const parts: Uint8Array[] = [];
  for (const entry of [...all.values()].sort((a, b) => (a.path < b.path ? -1 : 1))) {
    const content = entry.content ?? Buffer.alloc(0);
    parts.push(header(entry, content.length), content, Buffer.alloc((block - (content.length % block)) % block));
  }
  parts.push(Buffer.alloc(2 * block));
  return Buffer.concat(parts);
}

function foldersAbove(path: string): readonly string[] {
  const names = path.split("/");
  return names.slice(1).map((_name, index) => names.slice(0, index + 1).join("/"));
}

function header(entry: Entry, size: number): Buffer {
  const folder = entry.content === undefined && entry.link === undefined;
  const { name, prefix } = splitName(folder ? `${entry.path}/` : entry.path);
  const bytes = Buffer.alloc(block);
  bytes.write(name, 0, "utf8");
  bytes.write(octal(entry.mode, 8), 100);
  bytes.write(octal(0, 8), 108);
  bytes.write(octal(0, 8), 116);
  bytes.write(octal(size, 12), 124);
  bytes.write(octal(0, 12), 136);
  bytes.write("        ", 148);
  bytes.write(typeFlag(entry, folder), 156);
  if (entry.link !== undefined) bytes.write(entry.link, 157, 100, "utf8");
  bytes.write("ustar\u000000", 257);
  bytes.write(octal(0, 8), 329);
  bytes.write(octal(0, 8), 337);
  bytes.write(prefix, 345, "utf8");
  let sum = 0;
  for (const byte of bytes) sum += byte;
  bytes.write(`${sum.toString(8).padStart(6, "0")}\u0000 `, 148);
  return bytes;
}

function typeFlag(entry: Entry, folder: boolean): string {
  if (entry.link !== undefined) return "2";
  return folder ? "5" : "0";
}

function octal(value: number, width: number): string {
  return `${value.toString(8).padStart(width - 1, "0")}\u0000`;
}

/** At most 100 bytes of name behind 155 of folders. */
function splitName(path: string): { readonly name: string; readonly prefix: string } {
  if (Buffer.byteLength(path) <= 100) return { name: path, prefix: "" };
  for (let at = path.indexOf("/"); at >= 0 && at < path.length - 1; at = path.indexOf("/", at + 1)) {
    const [prefix, name] = [path.slice(0, at), path.slice(at + 1)];
    if (Buffer.byteLength(name) <= 100 && Buffer.byteLength(prefix) <= 155) return { name, prefix };
  }
  throw new Error(`the path is too long for an archive: ${path}`);
}
