import type { Zippable } from "fflate";
import type { StrategyFolder } from "./layout.ts";

/** Specs and prose say nothing to an algorithm; leaving them out keeps a changed limit from replacing the code's object. */
const leftOut = /^strategy\.yaml$|\.md$/;

/**
 * A strategy's Python folder as a zip. Deterministic: names sorted, one fixed time, one fixed mode, and a compressor of plain JavaScript,
 * so the bytes do not hang on the platform's zlib.
 */
export async function bundleZip(strategy: StrategyFolder): Promise<Uint8Array> {
  const { zipSync } = await import("fflate");
  const entries: Zippable = {};
  // The first instant a zip can name, in the local time that the format stores: noon exists in every zone.
  const mtime = new Date(1980, 0, 1, 12);
  const paths = [...strategy.files.keys()].filter((path) => !leftOut.test(path)).sort();
  for (const path of paths) {
    const file = strategy.files.get(path);
    if (file !== undefined) entries[path] = [file.bytes, { level: 9, mtime, os: 3, attrs: 0o100644 << 16 }];
  }
  return zipSync(entries);
}
