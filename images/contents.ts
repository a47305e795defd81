// What stands in each layer: the system below, and the program above it.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { programOptions } from "../scripts/programs.ts";
import { filesOf, librariesOf, libraryEntries, packagesOf } from "./debian.ts";
import { userId } from "./layout.ts";
import type { Component } from "./sbom.ts";
import type { Entry } from "./tar.ts";

export interface Contents {
  readonly entries: readonly Entry[];
  readonly components: readonly Component[];
}

const root = join(import.meta.dirname, "..");

/** Node of the lock file with the C library that this machine has. */
export function nodeContents(): Contents {
  const node = join(root, "node_modules", "node", "bin", "node");
  const libraries = [...librariesOf([node]), ...nameServices()];
  const { version } = readPackage("node_modules/node");
  return {
    entries: [
      ...accounts(),
      ...libraryEntries(libraries),
      { path: "usr/local/bin/node", mode: 0o755, content: readFileSync(node) },
    ],
    components: [...debian(libraries), { purl: `pkg:npm/node@${version}`, name: "node", version, license: "MIT" }],
  };
}

/** Modules that nothing without a terminal or a desktop needs. */
const unusedModules = /\/(?:test|idlelib|tkinter|turtledemo|lib2to3|ensurepip|distutils|pydoc_data)\//;
const unusedExtensions =
  /\/lib-dynload\/(?:_curses|_curses_panel|_tkinter|_dbm|_gdbm|_crypt|readline|nis|ossaudiodev|_testcapi)/;

/** Debian's Python with its standard library, without pip and what is installed beside it. */
export function pythonContents(): Contents {
  const program = "/usr/bin/python3.11";
  const files = ["libpython3.11-minimal", "libpython3.11-stdlib"]
    .flatMap(filesOf)
    .filter((path) => path.startsWith("/usr/lib/python3.11/"))
    .filter((path) => !unusedModules.test(path) && !unusedExtensions.test(path));
  const libraries = [...librariesOf([program, ...files.filter((path) => path.endsWith(".so"))]), ...nameServices()];
  return {
    entries: [
      ...accounts(),
      ...libraryEntries(libraries),
      ...[program, ...files].map((path) => ({
        path: path.slice(1),
        mode: path === program ? 0o755 : 0o644,
        content: readFileSync(path),
      })),
      { path: "usr/bin/python3", mode: 0o777, link: "python3.11" },
    ],
    components: debian([program, ...libraries, ...files.slice(0, 1), ...files.slice(-1)]),
  };
}

/** The server of Python algorithms, as a folder that PYTHONPATH names. */
export function pythonSdkContents(): Contents {
  const folder = join(root, "sdk", "python", "slipway");
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".py"));
  return {
    entries: names.sort().map((name) => ({
      path: `opt/slipway/slipway/${name}`,
      mode: 0o644,
      content: readFileSync(join(folder, name)),
    })),
    components: [],
  };
}

/** One of our programs as one file, `app/<name>.mjs`, with what it holds of npm's packages. */
export async function programContents(name: string, source: string): Promise<Contents> {
  const { outputFiles, metafile } = await build({
    ...programOptions({ [name]: source }),
    outdir: "/app",
    write: false,
    metafile: true,
  });
  const packages = new Set(Object.keys(metafile.inputs).flatMap((path) => packageFolderIn(path) ?? []));
  return {
    entries: outputFiles.map(({ path, contents }) => ({ path: path.slice(1), mode: 0o644, content: contents })),
    components: [...packages].map(npmComponent),
  };
}

/** Git with its way over HTTP, whom to believe there, and the shell that sets limits for what describes an algorithm. */
export function gitContents(): Contents {
  const [git, http, shell] = ["/usr/bin/git", "/usr/lib/git-core/git-remote-http", "/bin/dash"];
  const libraries = librariesOf([git, http, shell]);
  const authorities = filesOf("ca-certificates")
    .filter((path) => path.endsWith(".crt"))
    .sort();
  // The machine's own bundle may hold what its administrator has added.
  const bundle = Buffer.concat(authorities.map((path) => readFileSync(path)));
  const file = (path: string, mode: number, content: Buffer): Entry => ({ path: path.slice(1), mode, content });
  return {
    entries: [
      ...libraryEntries(libraries),
      ...[git, http, shell].map((path) => file(path, 0o755, readFileSync(path))),
      file("/etc/ssl/certs/ca-certificates.crt", 0o644, bundle),
      { path: "bin/sh", mode: 0o777, link: "dash" },
      { path: "usr/lib/git-core/git", mode: 0o777, link: "../../bin/git" },
      { path: "usr/lib/git-core/git-remote-https", mode: 0o777, link: "git-remote-http" },
    ],
    components: debian([git, shell, ...libraries, ...authorities.slice(0, 1)]),
  };
}

/**
 * The command line as the server's pod runs it: bundled but for esbuild, which is a program of its own; a site whose forge.yaml is the Secret's; and a
 * kubeconfig that is the pod's own account.
 */
export async function serverContents(): Promise<Contents> {
  const options = programOptions({ cli: "src/cli/main.ts" });
  const { outputFiles, metafile } = await build({
    ...options,
    plugins: [],
    splitting: true,
    chunkNames: "chunks/[name]-[hash]",
    external: ["esbuild", "ccxt", "vega-datasets"],
    outdir: "/app/dist",
    write: false,
    metafile: true,
  });
  const packages = new Set(Object.keys(metafile.inputs).flatMap((path) => packageFolderIn(path) ?? []));
  const native = `@esbuild/${process.platform}-${process.arch}`;
  const taken = (path: string, mode = 0o644): Entry => ({
    path: `app/${path}`,
    mode,
    content: readFileSync(join(root, path)),
  });
  return {
    entries: [
      ...outputFiles.map(({ path, contents }) => ({ path: path.slice(1), mode: 0o644, content: contents })),
      ...["package.json", "package-lock.json"].map((path) => taken(path)),
      ...["lib/main.js", "package.json"].map((path) => taken(`node_modules/esbuild/${path}`)),
      taken(`node_modules/${native}/package.json`),
      taken(`node_modules/${native}/bin/esbuild`, 0o755),
      { path: "etc/slipway/kubeconfig", mode: 0o644, content: Buffer.from(JSON.stringify(podKubeconfig)) },
      { path: "srv/site/policies", mode: 0o755 },
      { path: "srv/site/strategies", mode: 0o755 },
      // What forge.yaml may name as certificateAuthority stands beside it in the Secret.
      ...["forge.yaml", "ca.crt"].map((name) => ({
        ...{ path: `srv/site/${name}`, mode: 0o777, link: `/etc/slipway/server/${name}` },
      })),
    ],
    components: [...packages, "node_modules/esbuild"].map(npmComponent),
  };
}

/** Read anew at each look, and so with the token that the kubelet has renewed. The library has a name of its own for kubectl's `tokenFile`. */
const podKubeconfig = {
  ...{ apiVersion: "v1", kind: "Config", "current-context": "pod" },
  clusters: [
    {
      name: "pod",
      cluster: {
        server: "https://kubernetes.default.svc",
        "certificate-authority": "/var/run/secrets/slipway/api/ca.crt",
      },
    },
  ],
  users: [{ name: "pod", user: { "token-file": "/var/run/secrets/slipway/api/token" } }],
  contexts: [{ name: "pod", context: { cluster: "pod", user: "pod" } }],
};

/** The files of market data that the feed reads from a package. */
export function marketData(): Contents {
  const folder = join(root, "node_modules", "vega-datasets");
  return {
    entries: ["package.json", "data/stocks.csv", "data/sp500-2000.csv"].map((name) => ({
      path: `app/node_modules/vega-datasets/${name}`,
      mode: 0o644,
      content: readFileSync(join(folder, name)),
    })),
    components: [npmComponent("node_modules/vega-datasets")],
  };
}

/** nats-server, a program without libraries. */
export function natsContents(path: string, version: string): Contents {
  const purl = `pkg:golang/github.com/nats-io/nats-server/v2@v${version}`;
  return {
    entries: [{ path: "usr/local/bin/nats-server", mode: 0o755, content: readFileSync(path) }],
    components: [{ purl, name: "nats-server", version: `v${version}` }],
  };
}

/** The C library finds its own modules for names while it runs; no linker lists them. */
function nameServices(): readonly string[] {
  return ["libnss_dns.so.2", "libnss_files.so.2", "libresolv.so.2"].map((name) => `/lib/x86_64-linux-gnu/${name}`);
}

/** Who `nonroot` is, and that names come from files and DNS. */
function accounts(): readonly Entry[] {
  const text = (path: string, content: string): Entry => ({ path, mode: 0o644, content: Buffer.from(content) });
  return [
    text("etc/group", `root:x:0:\nnonroot:x:${userId}:\n`),
    text("etc/nsswitch.conf", "hosts: files dns\n"),
    text("etc/passwd", `root:x:0:0:root:/:/sbin/nologin\nnonroot:x:${userId}:${userId}:nonroot:/:/sbin/nologin\n`),
    { path: "tmp", mode: 0o1777 },
  ];
}

function debian(paths: readonly string[]): readonly Component[] {
  return packagesOf(paths).map(({ name, version }) => ({ purl: `pkg:deb/debian/${name}@${version}`, name, version }));
}

/** @param folder of the package, in the checkout */
function npmComponent(folder: string): Component {
  const { name, version, license } = readPackage(folder);
  return {
    purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
    name,
    version,
    ...(license === undefined ? {} : { license }),
  };
}

/** One package may stand inside of another that wants a version of its own. */
function packageFolderIn(path: string): string | undefined {
  return /^((?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1];
}

function readPackage(folder: string): { readonly name: string; readonly version: string; readonly license?: string } {
  const { name, version, license }: { name?: unknown; version?: unknown; license?: unknown } = JSON.parse(
    readFileSync(join(root, folder, "package.json"), "utf8"),
  );
  if (typeof version !== "string" || typeof name !== "string") throw new Error(`${folder} says not what it is`);
  return { name, version, ...(typeof license === "string" ? { license } : {}) };
}
