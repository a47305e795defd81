// Makes dist/: what the packed package runs, since Node strips no types below node_modules. `npm pack` runs it.
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type BuildOptions, build } from "esbuild";
import { buildPrograms } from "./programs.ts";

const root = join(import.meta.dirname, "..");
const dist = join(root, "dist");

const common: BuildOptions = {
  absWorkingDir: root,
  bundle: true,
  platform: "node",
  target: "node24",
  format: "esm",
  legalComments: "linked",
  logLevel: "warning",
};

rmSync(dist, { recursive: true, force: true });
await Promise.all([
  // Only the chunks of the command that runs are read. Dependencies stay in node_modules: they are the package's own.
  build({
    ...common,
    entryPoints: { cli: "src/cli/main.ts", "charts-main": "charts/main.ts" },
    outdir: "dist",
    splitting: true,
    chunkNames: "chunks/[name]-[hash]",
    packages: "external",
  }),
  build({
    ...common,
    entryPoints: { bus: "src/bus/main.ts", feed: "src/feed/main.ts" },
    outdir: "dist",
    packages: "external",
  }),
  // One file with its MQTT client and without what it never calls: 13 MB less private memory an executor.
  buildPrograms(dist),
  build({ ...common, entryPoints: { sdk: "sdk/typescript/index.ts" }, outdir: "dist" }),
]);
emitTypes();
copyAssets();

function emitTypes(): void {
  const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
  const flags = [
    "--ignoreConfig",
    "--declaration",
    "--emitDeclarationOnly",
    "--outDir",
    "dist/types",
    "--rootDir",
    ".",
    "--module",
    "nodenext",
    "--target",
    "es2024",
    "--strict",
  ];
  execFileSync(process.execPath, [compiler, "sdk/typescript/index.ts", ...flags], { cwd: root, stdio: "inherit" });
}

function copyAssets(): void {
  copy("src/console/page", "console");
  // By name: what else stands in the folder is somebody's own.
  for (const example of ["momentum/sma-cross", "seed/random-py", "seed/random-ts"])
    copy(`strategies/${example}`, `examples/strategies/${example}`);
  copy("policies", "examples/policies");
}

function copy(from: string, to: string): void {
  cpSync(join(root, from), join(dist, to), {
    recursive: true,
    filter: (path) => !path.includes("__pycache__") && existsSync(path),
  });
}
