import { createHash } from "node:crypto";
import { readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type EffectiveOrNothing, memorySpecIndex, type SpecIndex } from "./spec-index.ts";

const format = "slipway-specs/1";
const fileBytesMax = 256 * 1024 ** 2;
/** A change of fewer is worked out again sooner than all are written again. */
const newPartMin = 1 / 100;

/**
 * The index that processes leave to each other in a state directory, never in a checkout. It is thrown away and made again where it is missing,
 * broken, or another tool's; what cannot be written is not kept. Whoever may write there may write the forge beside it, so its checksum is against
 * accidents; and what it says counts for nobody but strategies that are not in question.
 *
 * @param state the state directory
 * @param tool a digest of the code that works specs out (`readTool`)
 */
export async function openSpecIndex(state: string, tool: string): Promise<SpecIndex> {
  const path = join(state, "specs.index");
  const own = memorySpecIndex();
  let left = await readEntries(path, tool);
  let asked = new Map<string, EffectiveOrNothing>();
  return {
    proven: own.proven,
    get(key) {
      const found = own.get(key) ?? left.get(key);
      if (found !== undefined) asked.set(key, found);
      return found;
    },
    set(key, value) {
      own.set(key, value);
      asked.set(key, value);
    },
    async save() {
      const round = asked;
      asked = new Map();
      const fresh = [...round.keys()].filter((key) => !left.has(key)).length;
      if (fresh <= left.size * newPartMin) return;
      // As many of the others, for what is asked for in turns.
      const others = [...left].filter(([key]) => !round.has(key)).slice(0, round.size);
      left = new Map([...round, ...others]);
      await writeEntries(path, tool, left);
    },
  };
}

/** One line that says what it is, and one of JSON. */
async function readEntries(path: string, tool: string): Promise<Map<string, EffectiveOrNothing>> {
  try {
    if ((await stat(path)).size > fileBytesMax) return new Map();
    const bytes = await readFile(path);
    const end = bytes.indexOf("\n");
    const body = bytes.subarray(end + 1);
    if (end < 0 || bytes.toString("latin1", 0, end) !== header(tool, body)) return new Map();
    // The checksum says that a process of this very tool wrote it.
    return new Map(JSON.parse(body.toString("utf8")) as [string, EffectiveOrNothing][]);
  } catch (cause) {
    if (cause instanceof Error && ("code" in cause || cause instanceof SyntaxError)) return new Map();
    throw cause;
  }
}

async function writeEntries(
  path: string,
  tool: string,
  entries: ReadonlyMap<string, EffectiveOrNothing>,
): Promise<void> {
  const body = Buffer.from(JSON.stringify([...entries]));
  const temporary = `${path}.${process.pid}`;
  try {
    await writeFile(temporary, [`${header(tool, body)}\n`, body], { mode: 0o600 });
    await rename(temporary, path);
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause)) throw cause;
    await rm(temporary, { force: true });
  }
}

function header(tool: string, body: Uint8Array): string {
  return `${format} ${tool} ${createHash("sha256").update(body).digest("hex")}`;
}
