import { createHash } from "node:crypto";
import type { AlgorithmBundle } from "#core/bundle.ts";
import type { AlgorithmReference } from "#core/effective.ts";
import { type Finding, hasErrors } from "#core/refusal.ts";
import { err, ok, type Result } from "#core/result.ts";
import { type SlotFiles, type SlotName, slotNames } from "#core/slots.ts";
import { bundleModule } from "./bundle-module.ts";
import { bundleZip } from "./bundle-zip.ts";
import { checkPythonImports } from "./check-python.ts";
import type { StrategyFolder } from "./layout.ts";

/** What a runtime of an environment says about the code it runs. */
export interface BundleRuntime {
  readonly language: "typescript" | "python";
  /** What may be imported; undefined while that is not known, and then no package is refused. */
  readonly packages: readonly string[] | undefined;
}

export interface Bundled {
  readonly bundle: AlgorithmBundle;
  /** Warnings; an error would have refused the bundle. */
  readonly findings: readonly Finding[];
}

/** A ConfigMap holds 1 MiB, all keys and base64 included; a bundle stays well below it. */
export const bundleBytesMax = 700 * 1024;

const extensions = { typescript: [".ts", ".mts", ".js", ".mjs"], python: [".py"] } as const;

/**
 * Makes the deployable form of a strategy's algorithm. The code is data: it is parsed and packed, never run. Same files, same bytes.
 *
 * @returns the bundle, or every finding that stands against it, at file:line:column
 */
export async function bundleAlgorithm(
  strategy: StrategyFolder,
  algorithm: AlgorithmReference,
  runtime: BundleRuntime | undefined,
  slots: SlotFiles = {},
): Promise<Result<Bundled, readonly Finding[]>> {
  if (algorithm.kind === "rpc") return ok({ bundle: { kind: "none" }, findings: [] });
  // What is wrong with the file itself was said.
  if ([algorithm.entry, ...Object.values(slots)].some((file) => strategy.refused?.has(file))) return err([]);
  const refused = refuseEntry(strategy, algorithm.entry, algorithm.runtime, runtime);
  if (refused !== undefined || runtime === undefined) return err(refused === undefined ? [] : [refused]);
  const missing = slotNames.flatMap((name) => missingSlot(strategy, name, slots[name]));
  if (missing.length > 0) return err(missing);
  if (runtime.language === "python") {
    const code = [algorithm.entry, ...slotNames.flatMap((name) => slots[name] ?? [])];
    const imports = checkPythonImports(strategy, code, runtime.packages);
    if (imports.length > 0) return err(imports);
    const bytes = await bundleZip(strategy);
    const tooBig = refuseSize(strategy, bytes.length, "as a zip");
    if (tooBig !== undefined) return err([tooBig]);
    const bundle: AlgorithmBundle = {
      kind: "zip",
      base64: Buffer.from(bytes).toString("base64"),
      sha256: digest(bytes),
    };
    return ok({ bundle, findings: [] });
  }
  const { text, map, findings } = await bundleModule(strategy, algorithm.entry, slots, runtime.packages);
  if (text === undefined || hasErrors(findings)) return err(findings);
  const bytes = Buffer.from(text);
  const tooBig = refuseSize(strategy, bytes.length, "as one module");
  if (tooBig !== undefined) return err([...findings, tooBig]);
  const sha256 = digest(bytes);
  const mapText = JSON.stringify({ ...map, code: sha256 });
  if (Buffer.byteLength(mapText) > bundleBytesMax)
    return ok({
      bundle: { kind: "module", text, sha256 },
      findings: [...findings, mapTooBig(strategy, algorithm.entry)],
    });
  return ok({ bundle: { kind: "module", text, sha256, map: mapText }, findings });
}

function mapTooBig(strategy: StrategyFolder, entry: string): Finding {
  return {
    code: "bundle-map-too-big",
    severity: "warning",
    message: `the source map of ${strategy.id} is above ${bundleBytesMax / 1024} KiB and is left out; errors will name places in algorithm.mjs`,
    fix: "move data out of the code",
    place: { file: `${strategy.folder}/${entry}`, line: 1, column: 1 },
  };
}

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function refuseSize(strategy: StrategyFolder, sizeBytes: number, form: string): Finding | undefined {
  if (sizeBytes <= bundleBytesMax) return undefined;
  const biggest = [...strategy.files].sort(([, a], [, b]) => b.bytes.length - a.bytes.length)[0];
  return {
    code: "bundle-too-big",
    severity: "error",
    message: `the algorithm of ${strategy.id} is ${Math.ceil(sizeBytes / 1024)} KiB ${form}, above the limit of ${bundleBytesMax / 1024} KiB`,
    fix: `move data out of the folder${biggest === undefined ? "" : `; the biggest file is ${biggest[0]} (${biggest[1].bytes.length} bytes)`}`,
    place: { file: strategy.folder },
  };
}

function missingSlot(strategy: StrategyFolder, name: SlotName, file: string | undefined): readonly Finding[] {
  if (file === undefined || strategy.files.has(file)) return [];
  return [
    {
      code: "slot-missing",
      severity: "error",
      message: `portfolio.${name}.file is ${file}, which is not in ${strategy.folder}`,
      fix: `add the file ${strategy.folder}/${file}, or name one that is there`,
      place: { file: `${strategy.folder}/strategy.yaml` },
      pointer: `/spec/portfolio/${name}/file`,
    },
  ];
}

function refuseEntry(
  strategy: StrategyFolder,
  entry: string,
  name: string,
  runtime: BundleRuntime | undefined,
): Finding | undefined {
  const place = { file: `${strategy.folder}/strategy.yaml` };
  const refuse = (code: string, pointer: string, message: string, fix: string): Finding => ({
    code,
    severity: "error",
    message,
    fix,
    place,
    pointer,
  });
  if (runtime === undefined) {
    return refuse(
      "runtime-unknown",
      "/spec/algorithm/runtime",
      `algorithm.runtime is ${name}, which this environment does not have`,
      "choose one of its runtimes",
    );
  }
  if (!strategy.files.has(entry)) {
    const near = [...strategy.files.keys()].filter((path) =>
      extensions[runtime.language].some((end) => path.endsWith(end)),
    );
    const add = `add the file ${strategy.folder}/${entry}`;
    const fix = near.length === 0 ? add : `${add}, or name ${near.slice(0, 3).join(" or ")} here`;
    return refuse(
      "entry-missing",
      "/spec/algorithm/entry",
      `algorithm.entry is ${entry}, which is not in ${strategy.folder}`,
      fix,
    );
  }
  const ends: readonly string[] = extensions[runtime.language];
  if (ends.some((end) => entry.endsWith(end))) return undefined;
  return refuse(
    "entry-language",
    "/spec/algorithm/entry",
    `algorithm.entry is ${entry}, but the runtime ${name} runs ${runtime.language}, which ends with ${ends.join(", ")}`,
    "choose the runtime of the entry's language",
  );
}
