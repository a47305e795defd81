// A Go that is new enough: the machine's, or one from the module proxy, which even an old Go can ask.
import { execFile, spawnSync } from "node:child_process";
import { chmodSync, existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { unzipSync } from "fflate";
import type { Artifact } from "./artifacts.ts";

export interface Go {
  readonly program: string;
  readonly env: NodeJS.ProcessEnv;
}

export interface ModuleArchive {
  readonly path: string;
  /** What the names of its files begin with. */
  readonly prefix: string;
  /** The module's hash as `go.sum` would have it. */
  readonly sum: string;
}

/**
 * Finds a Go, and installs one if there is none.
 *
 * @param artifact the Go to take from the module proxy if the machine's is too old
 * @param make makes an artifact's folder by filling a temporary one
 * @param minorMin the lowest minor version of Go 1 that `go.mod` allows
 */
export async function findGo(
  artifact: Artifact,
  make: (artifact: Artifact, fill: (folder: string) => Promise<void>) => Promise<void>,
  minorMin = 24,
): Promise<Go> {
  const cached = goAt(join(artifact.folder, "bin/go"));
  if (existsSync(cached.program)) return cached;
  const installed = installedGo() ?? installGo();
  if (minorOf(installed) >= minorMin) return installed;
  const platform = `${process.platform}-${process.arch === "x64" ? "amd64" : process.arch}`;
  await make(artifact, async (folder) => {
    const version = `v0.0.1-go${artifact.version}.${platform}`;
    extract(await downloadModule(installed, "golang.org/toolchain", version), folder, () => true);
    // Archives of modules carry no permissions.
    for (const path of globSync("{bin/*,pkg/tool/*/*}", { cwd: folder })) chmodSync(join(folder, path), 0o755);
  });
  return cached;
}

/** Downloads a module into Go's own module cache, checked against the public checksum database unless that is turned off. */
export async function downloadModule(go: Go, module: string, version: string): Promise<ModuleArchive> {
  const output = await new Promise<string>((resolve) => {
    const argv = ["mod", "download", "-json", `${module}@${version}`];
    execFile(go.program, argv, { env: go.env, timeout: 600_000, maxBuffer: 2 ** 20 }, (error, stdout, stderr) =>
      resolve(stdout === "" ? `${error?.message ?? ""}\n${stderr}` : stdout),
    );
  });
  // A module for a newer Go is an error beside the download; what is wanted of it here are files, not a build.
  const { Zip: path, Sum: sum } = parseObject(output);
  if (typeof path !== "string" || typeof sum !== "string") throw new Error(`cannot download ${module}: ${output}`);
  return { path, sum, prefix: `${module}@${version}/` };
}

/** Writes a module's files, named from the module's root, into a folder. */
export function extract(archive: ModuleArchive, folder: string, wanted: (name: string) => boolean): void {
  const entries = unzipSync(readFileSync(archive.path), {
    filter: ({ name }) => name.startsWith(archive.prefix) && wanted(name.slice(archive.prefix.length)),
  });
  for (const [name, bytes] of Object.entries(entries)) {
    const path = join(folder, name.slice(archive.prefix.length));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
  }
}

function parseObject(text: string): { readonly [key: string]: unknown } {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

function goAt(program: string): Go {
  // Neither a user's flags nor a workspace above the checkout may change what is built.
  const { GOROOT: _root, ...env } = process.env;
  return {
    program,
    env: { ...env, GOFLAGS: "-mod=readonly", GOWORK: "off", GOTOOLCHAIN: "local", CGO_ENABLED: "0", GO111MODULE: "on" },
  };
}

/** The minor version of Go 1, 0 if the program is none. */
function minorOf(go: Go): number {
  const { stdout } = spawnSync(go.program, ["env", "GOVERSION"], { env: go.env, encoding: "utf8", timeout: 30_000 });
  return Number(/^go1\.(\d+)/.exec(stdout ?? "")?.[1] ?? 0);
}

function installedGo(): Go | undefined {
  const found = ["go", "/usr/local/go/bin/go", ...globSync("/usr/lib/go-1.*/bin/go")]
    .map(goAt)
    .map((go) => ({ go, minor: minorOf(go) }))
    .filter(({ minor }) => minor > 0)
    .sort((a, b) => b.minor - a.minor);
  return found[0]?.go;
}

/** Installs the distribution's Go, whatever its age. */
function installGo(): Go {
  const root = process.getuid?.() === 0 ? [] : ["sudo", "-n"];
  const install =
    "apt-get update -q && apt-get install -qy --no-install-recommends -o DPkg::Lock::Timeout=120 golang-go";
  const [program = "sh", ...argv] = [...root, "sh", "-c", install];
  const { status } = spawnSync(program, argv, { stdio: ["ignore", "ignore", "inherit"], timeout: 600_000 });
  const go = status === 0 ? installedGo() : undefined;
  if (go === undefined) throw new Error("there is no Go and none could be installed; install Go 1.24 or newer");
  return go;
}
