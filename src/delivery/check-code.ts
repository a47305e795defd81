import type { AlgorithmBundle } from "#core/bundle.ts";
import { type AlgorithmReference, languageOf } from "#core/effective.ts";
import { type AlgorithmParts, slotParts } from "#core/held.ts";
import type { Finding } from "#core/refusal.ts";
import type { SlotFiles } from "#core/slots.ts";
import { type BundleRuntime, bundleAlgorithm } from "./bundle.ts";
import type { EnvironmentSource, ParsedEnvironment, StrategySource } from "./fleet.ts";
import { digest, type Memo } from "./memo.ts";

export interface Code {
  /** Absent when the code is refused. */
  readonly bundle: AlgorithmBundle | undefined;
  readonly findings: readonly Finding[];
  /** What the runtime brings beside the language. */
  readonly packages: readonly string[];
}

/** The code as an environment would run it. `undefined` while it is not known where the code is or what would run it. */
export async function bundleFor(
  strategy: StrategySource,
  environment: EnvironmentSource | undefined,
  memo: Memo,
): Promise<Code | undefined> {
  const { entry, runtime, rpc } = algorithmOf(strategy);
  if (rpc !== undefined) return { bundle: { kind: "none" }, findings: [], packages: [] };
  if (entry === undefined || runtime === undefined || environment?.parsed === undefined) return undefined;
  const runs = runtimeOf(environment.parsed, runtime);
  if (runs?.language !== languageOf(entry)) return undefined;
  return bundle(strategy, { kind: "entry", entry, runtime }, runs, memo);
}

/** What is wrong with the code whatever runs it: its entry, its syntax, the files that it imports. Packages stay open. */
export async function checkCode(strategy: StrategySource, memo: Memo): Promise<readonly Finding[]> {
  const { entry } = algorithmOf(strategy);
  if (entry === undefined) return [];
  const language = languageOf(entry);
  const algorithm = { kind: "entry", entry, runtime: language } as const;
  return (await bundle(strategy, algorithm, { language, packages: undefined }, memo)).findings;
}

/** As far as its spec is known. */
export function algorithmOf({ parsed }: StrategySource): AlgorithmParts {
  return parsed?.parts.spec?.algorithm ?? {};
}

/** Not the image: another base image is the same code. */
function runtimeOf({ parts, whole }: ParsedEnvironment, name: string): BundleRuntime | undefined {
  const runtimes = parts.spec?.runtimes ?? {};
  const { language, packages } = (Object.hasOwn(runtimes, name) ? runtimes[name] : undefined) ?? {};
  if (language === undefined || packages === undefined || !whole(`/spec/runtimes/${name}/packages`)) return undefined;
  return { language, packages: packages.filter((item) => item !== undefined) };
}

async function bundle(
  strategy: StrategySource,
  algorithm: AlgorithmReference,
  runtime: BundleRuntime,
  memo: Memo,
): Promise<Code> {
  const slots = slotsOf(strategy, algorithm.kind === "entry" ? algorithm.entry : "");
  const how = JSON.stringify([algorithm, runtime, slots, [...(strategy.folder.refused ?? [])]]);
  const code = [...strategy.folder.files].filter(([path]) => path !== "strategy.yaml");
  const key = digest(strategy.folder.folder, how, ...code.flatMap(([path, file]) => [path, file.mode, file.bytes]));
  const bundled = await memo.of("bundle", key, () => bundleAlgorithm(strategy.folder, algorithm, runtime, slots));
  const findings = (bundled.ok ? bundled.value.findings : bundled.error).map((finding) => placed(finding, strategy));
  return { bundle: bundled.ok ? bundled.value.bundle : undefined, findings, packages: runtime.packages ?? [] };
}

/** The slots' files that can be bundled; the others have a finding at the spec. */
export function slotsOf({ parsed }: StrategySource, entry: string): SlotFiles {
  if (parsed === undefined) return {};
  const sound = Object.entries(slotParts(parsed)).filter(
    ([, file]) => file !== entry && languageOf(file) === languageOf(entry),
  );
  return Object.fromEntries(sound);
}

/** A finding about the spec that has a pointer gets its line. */
function placed(finding: Finding, { parsed }: StrategySource): Finding {
  if (finding.pointer === undefined || parsed === undefined || finding.place?.line !== undefined) return finding;
  return { ...finding, place: parsed.locate(finding.pointer) };
}
