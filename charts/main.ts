// What `cdk8s synth` runs (cdk8s.yaml): the working tree's strategies and policies, rendered for every environment. The hot path is
// `slipway render`; cdk8s-cli alone takes 1.5 s to start. This file is the one in charts/ that touches the disk.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { formatPlace, hasErrors } from "#core/refusal.ts";
import { Fault } from "#core/result.ts";

try {
  process.exitCode = await synth(process.cwd(), process.env["CDK8S_OUTDIR"] ?? "dist/manifests");
} catch (error) {
  if (!(error instanceof Fault)) throw error;
  process.stderr.write(`${error.code}: ${error.message}\n`);
  process.exitCode = 1;
}

/**
 * Writes `<outdir>/<environment>/<path>` for each environment, or nothing if something is refused.
 *
 * @returns the exit code: 0 done, 2 refused; faults are thrown
 */
async function synth(directory: string, outdir: string): Promise<number> {
  // Rooms below may not import delivery; this process is above them. Imported late, so that nothing of charts depends on it.
  const { renderWorkspace } = await import("#delivery/render.ts");
  const rendered = new Map<string, ReadonlyMap<string, string>>();
  let refused = false;
  for (const environment of environments(directory)) {
    const { files, findings } = await renderWorkspace(directory, environment, Math.floor(Date.now() / 1000));
    for (const { place, severity, message, fix } of findings) {
      const where = place === undefined ? "" : `${formatPlace(place)}  `;
      process.stderr.write(`${where}${severity}  ${message}${fix === undefined ? "" : `\n  fix: ${fix}`}\n`);
    }
    refused ||= hasErrors(findings);
    rendered.set(environment, files);
  }
  if (refused) return 2;
  for (const [environment, files] of rendered) write(join(outdir, environment), files);
  return 0;
}

/** The names of `policies/environments/<environment>.yaml`. */
function environments(directory: string): readonly string[] {
  return readdirSync(join(directory, "policies", "environments"))
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => name.slice(0, -".yaml".length))
    .sort();
}

/** Replaces the folder, so that what is no longer rendered is not left behind. */
function write(folder: string, files: ReadonlyMap<string, string>): void {
  rmSync(folder, { recursive: true, force: true });
  for (const [path, text] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}
