import type { EffectiveStrategy } from "#core/effective.ts";
import type { EnvironmentDocument } from "#core/environment.ts";
import { parseEnvironment } from "#core/environment.ts";
import type { StrategyId } from "#core/identity.ts";
import type { Finding } from "#core/refusal.ts";
import { resolveStrategy } from "#core/resolve.ts";
import type { StrategyDocument } from "#core/strategy.ts";
import { parseStrategy } from "#core/strategy.ts";
import type { Layout, PolicyFile, StrategyFolder } from "./layout.ts";
import { digest, type Memo } from "./memo.ts";
import type { SourceFile } from "./tree.ts";

export type ParsedStrategy = ReturnType<typeof parseStrategy>;
export type ParsedEnvironment = ReturnType<typeof parseEnvironment>;

/** One strategy with its parsed spec. */
export interface StrategySource {
  readonly folder: StrategyFolder;
  readonly parsed: ParsedStrategy | undefined;
  readonly findings: readonly Finding[];
}

export interface EnvironmentSource {
  readonly name: string;
  readonly path: string;
  readonly parsed: ParsedEnvironment | undefined;
  readonly document: EnvironmentDocument | undefined;
  readonly findings: readonly Finding[];
  /** Of the file's bytes: what was derived from it under this digest holds as long as they do. */
  readonly digest: string;
}

/** Everything that has a document, parsed. */
export interface Fleet {
  readonly strategies: ReadonlyMap<StrategyId, StrategySource>;
  readonly environments: ReadonlyMap<string, EnvironmentSource>;
}

export function readFleet(layout: Layout, memo: Memo): Fleet {
  const strategies = new Map<StrategyId, StrategySource>();
  for (const [id, folder] of layout.strategies) strategies.set(id, readStrategy(folder, memo));
  const environments = new Map<string, EnvironmentSource>();
  for (const [name, policy] of layout.environments) environments.set(name, readEnvironment(policy, memo));
  return { strategies, environments };
}

function readStrategy(folder: StrategyFolder, memo: Memo): StrategySource {
  const file = folder.files.get("strategy.yaml");
  // The layout has said that it is missing.
  if (file === undefined) return { folder, parsed: undefined, findings: [] };
  const path = `${folder.folder}/strategy.yaml`;
  const parsed = memo.of("strategy", digest(path, file.bytes), () => parseText(path, file, parseStrategy));
  if ("refused" in parsed) return { folder, parsed: undefined, findings: [parsed.refused] };
  return { folder, parsed, findings: parsed.findings };
}

function readEnvironment({ name, path, file }: PolicyFile, memo: Memo): EnvironmentSource {
  const key = digest(path, file.bytes);
  const parsed = memo.of("environment", key, () => parseText(path, file, parseEnvironment));
  if ("refused" in parsed)
    return { name, path, parsed: undefined, document: undefined, findings: [parsed.refused], digest: key };
  return { name, path, parsed, document: parsed.document, findings: parsed.findings, digest: key };
}

function parseText<Parsed>(
  path: string,
  file: SourceFile,
  parse: (path: string, text: string) => Parsed,
): Parsed | { readonly refused: Finding } {
  try {
    return parse(path, new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(file.bytes));
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    const refused: Finding = {
      code: "text-not-utf8",
      severity: "error",
      message: "this file is not UTF-8 text",
      fix: "save it as UTF-8",
      place: { file: path },
    };
    return { refused };
  }
}

export interface Resolved {
  readonly effective: EffectiveStrategy | undefined;
  readonly findings: readonly Finding[];
}

/** What an environment makes of a strategy. `undefined` where one of the two documents is refused. */
export function resolve(strategy: StrategySource, environment: EnvironmentSource): Resolved | undefined {
  if (strategy.parsed?.document === undefined || environment.parsed?.document === undefined) return undefined;
  return resolveStrategy(strategy.parsed, environment.parsed);
}

/** The environments that a spec names. */
export function environmentsOf(document: StrategyDocument): readonly string[] {
  return Object.keys(document.spec.environments ?? {}).sort();
}
