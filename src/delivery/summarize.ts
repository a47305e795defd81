import type { StrategyId } from "#core/identity.ts";
import type { JsonValue } from "#core/json.ts";
import { readFleet } from "./fleet.ts";
import { createMemo } from "./memo.ts";
import { strategiesOf } from "./names.ts";
import { type SourceTree, subtree } from "./tree.ts";

export interface StrategySummary {
  readonly id: StrategyId;
  readonly kind: "new" | "changed" | "deleted";
  /** What differs, in the words of the spec: `params.fast 10 → 12`, `stopped in paper`, `algorithm.ts`. */
  readonly changes: readonly string[];
}

export interface ChangeSummary {
  readonly strategies: readonly StrategySummary[];
  /** `paper: bounds.maxOrderNotional 5000 → 4000` */
  readonly policies: readonly string[];
}

const titleMax = 160;
const valueMax = 40;

/** What a person would say changed between two trees. */
export function summarize(before: SourceTree, after: SourceTree): ChangeSummary {
  const paths = changedPaths(before, after);
  return {
    strategies: strategiesOf(paths).map((id) => summarizeStrategy(id, before, after)),
    policies: paths
      .filter((path) => path.startsWith("policies/"))
      .flatMap((path) => summarizePolicy(path, before, after)),
  };
}

/** The files that differ between two trees, sorted. */
export function changedPaths(before: SourceTree, after: SourceTree): readonly string[] {
  const gone = [...before.keys()].filter((path) => !after.has(path));
  return [...gone, ...[...after.keys()].filter((path) => !sameFile(before, after, path))].sort();
}

function sameFile(before: SourceTree, after: SourceTree, path: string): boolean {
  const a = before.get(path);
  const b = after.get(path);
  if (a === undefined || b === undefined) return false;
  return a === b || (a.unreadBytes === b.unreadBytes && Buffer.compare(a.bytes, b.bytes) === 0);
}

/** One line for a proposal and its commits, at most 160 characters. */
export function titleOf({ strategies, policies }: ChangeSummary): string {
  const [first, ...others] = strategies;
  const parts = policies.length > 0 ? [`policies: ${policies.join(", ")}`] : [];
  if (first !== undefined && others.length === 0) parts.unshift(`${first.id}: ${first.changes.join(", ")}`);
  if (first !== undefined && others.length > 0)
    parts.unshift(`${groupWord(strategies)} ${strategies.map(({ id }) => id).join(", ")}`);
  const title = parts.join("; ");
  return title.length <= titleMax ? title : `${title.slice(0, titleMax - 1).trimEnd()}…`;
}

/** Whether `titleOf` wrote a proposal's title, and not a person. */
export function isOwnTitle({ branch, title }: { readonly branch: string; readonly title: string }): boolean {
  const own = /^refs\/heads\/slipway\/(?:deploy|deploy-set)\//.test(branch) || branch === "refs/heads/slipway/policies";
  return own && /^(?:[a-z0-9-]+\/[a-z0-9-]+: |(?:new|delete|change) strategies |policies: )/.test(title);
}

function groupWord(strategies: readonly StrategySummary[]): string {
  for (const kind of ["new", "deleted"] as const) {
    if (strategies.every((one) => one.kind === kind)) return kind === "new" ? "new strategies" : "delete strategies";
  }
  return "change strategies";
}

function summarizeStrategy(id: StrategyId, before: SourceTree, after: SourceTree): StrategySummary {
  const folder = `strategies/${id}`;
  const [old, now] = [subtree(before, folder), subtree(after, folder)];
  if (now.size === 0) return { id, kind: "deleted", changes: ["deleted"] };
  if (old.size === 0) return { id, kind: "new", changes: ["new strategy"] };
  const files = [...new Set([...old.keys(), ...now.keys()])]
    .sort()
    .filter((path) => path !== "strategy.yaml" && !sameFile(old, now, path));
  const shown = files.map((path) => {
    if (!old.has(path)) return `${path} added`;
    return now.has(path) ? `${path} changed` : `${path} removed`;
  });
  const spec = sameFile(old, now, "strategy.yaml") ? [] : specChanges(id, before, after);
  return { id, kind: "changed", changes: [...spec, ...shown] };
}

function specChanges(id: StrategyId, before: SourceTree, after: SourceTree): readonly string[] {
  const [old, now] = [before, after].map((tree) => {
    const folder = new Map([...tree].filter(([path]) => path === `strategies/${id}/strategy.yaml`));
    return readFleet(folder, createMemo({ entriesMax: 10 })).strategies.get(id)?.parsed?.document?.spec;
  });
  if (old === undefined || now === undefined) return ["strategy.yaml changed"];
  const changes = compareJson("", toJson(old), toJson(now)).map(asRunning);
  return changes.length === 0 ? ["strategy.yaml reworded"] : changes;
}

/** Stopping and starting are what people look for. */
function asRunning(change: string): string {
  const found = /^environments\.(\w+)(?:\.running (?:true|false) → |\.running = |: added, running )(true|false)$/.exec(
    change,
  );
  if (found?.[1] === undefined) return change;
  return found[2] === "true" ? `started in ${found[1]}` : `stopped in ${found[1]}`;
}

function summarizePolicy(path: string, before: SourceTree, after: SourceTree): readonly string[] {
  const name = /^policies\/environments\/([a-z0-9]+)\.yaml$/.exec(path)?.[1];
  if (name === undefined) return [`${path.slice("policies/".length)} ${word(before, after, path)}`];
  if (!before.has(path) || !after.has(path)) return [`${name} ${word(before, after, path)}`];
  const [old, now] = [before, after].map((tree) => {
    const policies = new Map([...tree].filter(([other]) => other === path));
    return readFleet(policies, createMemo({ entriesMax: 10 })).environments.get(name)?.document?.spec;
  });
  if (old === undefined || now === undefined) return [`${name} changed`];
  const changes = compareJson("", toJson(old), toJson(now));
  return changes.length === 0 ? [`${name} reworded`] : changes.map((change) => `${name} ${change}`);
}

function word(before: SourceTree, after: SourceTree, path: string): string {
  if (!before.has(path)) return "added";
  return after.has(path) ? "changed" : "removed";
}

/** A checked document is JSON; the compiler does not see it. */
function toJson(value: object): JsonValue {
  return JSON.parse(JSON.stringify(value)) as JsonValue;
}

function compareJson(path: string, before: JsonValue | undefined, after: JsonValue | undefined): readonly string[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  if (isMap(before) && isMap(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return keys.flatMap((key) => compareJson(path === "" ? key : `${path}.${key}`, before[key], after[key]));
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    const signs = [
      ...after.filter((item) => !before.some((other) => show(other) === show(item))).map((item) => `+${show(item)}`),
      ...before.filter((item) => !after.some((other) => show(other) === show(item))).map((item) => `−${show(item)}`),
    ];
    return [`${path} ${signs.length === 0 ? "reordered" : signs.join(" ")}`];
  }
  if (before === undefined && isMap(after) && "running" in after)
    return [`${path}: added, running ${after["running"]}`];
  if (before === undefined) return [`${path} = ${show(after)}`];
  if (after === undefined) return [`${path} removed`];
  return [`${path} ${show(before)} → ${show(after)}`];
}

function isMap(value: JsonValue | undefined): value is { readonly [key: string]: JsonValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function show(value: JsonValue | undefined): string {
  const text = typeof value === "string" ? value : JSON.stringify(value ?? null);
  return text.length <= valueMax ? text : `${text.slice(0, valueMax - 1)}…`;
}
