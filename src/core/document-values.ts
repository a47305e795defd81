import { isAlias, isMap, isPair, isScalar, isSeq, type Node, type Pair, Scalar } from "yaml";
import type { TextFinding } from "./document-text.ts";
import { type Trap, trapOf } from "./document-traps.ts";
import type { JsonValue } from "./json.ts";
import { pointerLabel, pointerTo } from "./pointer.ts";
import type { ScalarStyle } from "./scalar-offsets.ts";
import { codePoint, invisible } from "./visible.ts";

/** Where a value of the document stands, as character offsets. */
export interface Entry {
  readonly start: number;
  readonly end: number;
  /** The key's, for a member of a map. */
  readonly key?: { readonly start: number; readonly end: number };
  /** A scalar as it is written, quotes left out. */
  readonly written?: string;
  readonly style?: ScalarStyle;
  readonly shape: "scalar" | "flow" | "block";
}

export interface Reading {
  readonly value: JsonValue | undefined;
  readonly entries: ReadonlyMap<string, Entry>;
  readonly findings: readonly TextFinding[];
  /** Pointers whose value is not known, since what stands there is refused. */
  readonly holes: ReadonlySet<string>;
  readonly traps: ReadonlyMap<string, Trap>;
}

/** Turns a parsed YAML node into JSON, remembering where everything stands. Its nesting is already bounded. */
export function readValues(root: Node): Reading {
  const reader = new Reader();
  const value = reader.read(root, "", undefined);
  return { value, entries: reader.entries, findings: reader.findings, holes: reader.holes, traps: reader.traps };
}

class Reader {
  readonly entries = new Map<string, Entry>();
  readonly findings: TextFinding[] = [];
  readonly holes = new Set<string>();
  readonly traps = new Map<string, Trap>();

  read(node: Node | null, pointer: string, key: Entry["key"]): JsonValue | undefined {
    const [start, end] = node?.range ?? [key?.end ?? 0, key?.end ?? 0];
    const at = { start, end, ...(key === undefined ? {} : { key }) };
    if (node === null) {
      this.entries.set(pointer, { ...at, shape: "scalar", written: "" });
      return null;
    }
    if (isAlias(node) || (node.tag !== undefined && "tag" in node)) {
      this.entries.set(pointer, { ...at, shape: "scalar" });
      this.holes.add(pointer);
      return undefined;
    }
    if (isMap(node) || isSeq(node)) {
      this.entries.set(pointer, { ...at, shape: node.flow === true ? "flow" : "block" });
      return isMap(node) ? this.#readMap(node.items, pointer) : this.#readList(node.items, pointer);
    }
    if (!isScalar(node)) return undefined;
    return this.#readScalar(node, pointer, at);
  }

  #readMap(pairs: readonly unknown[], pointer: string): JsonValue {
    const object: Record<string, JsonValue> = {};
    const seen = new Map<string, number>();
    for (const pair of pairs) {
      if (!isPair(pair)) continue;
      const name = this.#readKey(pair as Pair<Node | null, Node | null>, seen, pointer);
      if (name === undefined) continue;
      const { key, value } = pair as Pair<Scalar, Node | null>;
      const [start = 0, end = 0] = key.range ?? [];
      const item = this.read(value, pointerTo(pointer, name), { start, end });
      // A hole stays a member: the key is there, only its value is not known.
      object[name] = item ?? null;
    }
    return object;
  }

  /** The member's name, or undefined if the key is refused (and reported). */
  #readKey(pair: Pair<Node | null, Node | null>, seen: Map<string, number>, pointer: string): string | undefined {
    const { key } = pair;
    const [start = 0, end = 0] = key?.range ?? pair.value?.range ?? [];
    const at = { start, end: Math.max(end, start + 1) };
    if (!isScalar(key) || key.value === null || key.tag !== undefined) {
      if (!isAlias(key) && key?.tag === undefined) {
        this.findings.push({
          code: "yaml-key",
          message: "this key is not a word",
          fix: "write a plain name before the colon",
          ...at,
        });
      }
      return undefined;
    }
    const name = key.source ?? String(key.value);
    const own = pointerTo(pointer, name);
    if (name === "<<" && key.type === Scalar.PLAIN) {
      const message = "the merge key << is YAML that a spec may not use";
      this.findings.push({ code: "yaml-merge-key", message, fix: "write the values out", pointer: own, ...at });
      return undefined;
    }
    if (["__proto__", "constructor", "prototype"].includes(name)) {
      const message = `${name} cannot be a key`;
      this.findings.push({ code: "yaml-key", message, fix: "choose another name", pointer: own, ...at });
      return undefined;
    }
    const first = seen.get(name);
    if (first !== undefined) {
      const where = pointer === "" || pointer === "/spec" ? "" : ` in ${pointerLabel(pointer)}`;
      this.findings.push({
        code: "yaml-duplicate-key",
        message: `the key ${name} stands twice${where}`,
        fix: "keep one of the two",
        pointer: own,
        ...at,
      });
      return undefined;
    }
    seen.set(name, start);
    const trap = key.type === Scalar.PLAIN ? trapOf(name) : undefined;
    if (trap !== undefined) {
      const fix = `write ${JSON.stringify(name)} in quotes, or choose another name`;
      this.findings.push({ code: trap.code, message: trap.message, fix, pointer: own, ...at });
    }
    this.#checkVisible(name, at);
    return name;
  }

  #readList(items: readonly unknown[], pointer: string): JsonValue {
    return items.map((item, index) => this.read(item as Node | null, pointerTo(pointer, index), undefined) ?? null);
  }

  #readScalar(node: Scalar, pointer: string, at: Omit<Entry, "shape" | "written">): JsonValue | undefined {
    const source = node.source ?? String(node.value);
    this.entries.set(pointer, { ...at, shape: "scalar", written: source, style: styleOf(node.type) });
    const trap = node.type === Scalar.PLAIN ? trapOf(source) : undefined;
    if (trap !== undefined) this.traps.set(pointer, trap);
    this.#checkVisible(source, at);
    const { value } = node;
    if (typeof value === "number" && Number.isFinite(value)) return value;
    if (typeof value === "string" || typeof value === "boolean" || value === null) return value;
    // A trap tells of `.inf` and of numbers too large to be one; whatever else there may be is refused here.
    if (trap === undefined) {
      const message = "this is neither text nor a number nor a truth value";
      this.findings.push({ code: "yaml-value", message, fix: "put it in quotes", ...at });
    }
    return undefined;
  }

  /** An escape such as `"\u202e"` is visible in the file and hidden in the value. */
  #checkVisible(value: string, at: { readonly start: number; readonly end: number }): void {
    const found = value.replaceAll(/[\n\t]/g, " ").match(invisible)?.[0];
    if (found === undefined) return;
    const message = `this text holds an invisible character (${codePoint(found)})`;
    this.findings.push({ code: "yaml-invisible-character", message, fix: "take it out", ...at });
  }
}

function styleOf(type: Scalar["type"]): ScalarStyle {
  switch (type) {
    case Scalar.QUOTE_SINGLE:
      return "single-quoted";
    case Scalar.QUOTE_DOUBLE:
      return "double-quoted";
    case Scalar.BLOCK_FOLDED:
    case Scalar.BLOCK_LITERAL:
      return "block";
    default:
      return "plain";
  }
}
