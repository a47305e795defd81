import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Fault } from "#core/result.ts";

/** Where this package's programs and files are. A checkout runs its sources, the packed package what `npm run build` made of them. */
export interface Package {
  readonly root: string;
  readonly version: string;
  /** `source`: TypeScript run as it is; `packed`: JavaScript below `dist/`. */
  readonly form: "source" | "packed";
  readonly schemas: string;
  readonly templates: string;
  /** The three example strategies. */
  readonly examples: string;
  readonly examplePolicies: string;
  /** The folder that PYTHONPATH names. */
  readonly python: string;
  /** HTML, CSS and JavaScript of the console. */
  readonly consolePage: string;
  /** What `cdk8s.yaml` runs. */
  readonly chartsMain: string;
}

export type ProgramName = "bus" | "executor" | "gateway" | "feed";

export function findPackage(moduleUrl: string = import.meta.url): Package {
  let root = dirname(fileURLToPath(moduleUrl));
  while (!existsSync(join(root, "package.json"))) {
    const parent = dirname(root);
    if (parent === root)
      throw new Fault("package-broken", "slipway's own package.json was not found; install the package again");
    root = parent;
  }
  const manifest: unknown = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const version =
    typeof manifest === "object" && manifest !== null && "version" in manifest ? String(manifest.version) : "0.0.0";
  const source = moduleUrl.endsWith(".ts");
  const dist = join(root, "dist");
  return {
    root,
    version,
    form: source ? "source" : "packed",
    schemas: join(root, "schemas"),
    templates: join(root, "templates"),
    examples: source ? join(root, "strategies") : join(dist, "examples", "strategies"),
    examplePolicies: source ? join(root, "policies") : join(dist, "examples", "policies"),
    python: join(root, "sdk", "python"),
    consolePage: source ? join(root, "src", "console", "page") : join(dist, "console"),
    chartsMain: source ? join(root, "charts", "main.ts") : join(dist, "charts-main.js"),
  };
}

/** The file that runs as a process of the embedded cluster. `bundles` is where `bundlePrograms` put them. */
export function programFile(found: Package, name: ProgramName, bundles: string): string {
  if (name === "executor" || name === "gateway") return join(bundles, `${name}.mjs`);
  return found.form === "source" ? join(found.root, "src", name, "main.ts") : join(found.root, "dist", `${name}.js`);
}

/**
 * The folder with executor and gateway as one file each: the package's own, or, in a checkout, made anew from its sources below `folder`.
 *
 * @throws Fault `build-failed`
 */
export async function bundlePrograms(found: Package, folder: string): Promise<string> {
  if (found.form === "packed") return join(found.root, "dist");
  const outdir = join(folder, "programs");
  const script = join(found.root, "scripts", "programs.ts");
  await new Promise<void>((resolve, reject) => {
    execFile(process.execPath, [script, outdir], { timeout: 60_000 }, (error, _stdout, stderr) => {
      if (error === null) resolve();
      else reject(new Fault("build-failed", `the executor could not be bundled: ${stderr.trim()}`, { cause: error }));
    });
  });
  return outdir;
}
