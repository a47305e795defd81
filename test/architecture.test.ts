import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "..");

/** Which rooms a room may import, besides itself. Everything that is not listed is refused. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  schemas: [],
  sdk: [],
  core: ["schemas"],
  charts: ["core", "schemas"],
  git: ["core", "schemas"],
  forge: ["core", "schemas", "git"],
  bus: ["core", "schemas"],
  feed: ["core", "schemas", "bus"],
  delivery: ["core", "schemas", "charts", "forge", "git"],
  executor: ["core", "schemas", "bus"],
  gateway: ["core", "schemas", "bus"],
  local: ["core", "schemas", "git"],
  cluster: ["core", "schemas"],
  server: ["core", "schemas", "forge", "git", "delivery"],
  console: ["core", "schemas", "bus", "delivery", "forge", "git"],
  cli: [
    "core",
    "schemas",
    "charts",
    "forge",
    "git",
    "bus",
    "feed",
    "delivery",
    "executor",
    "gateway",
    "local",
    "cluster",
    "server",
    "console",
  ],
};

/** Packages that only one room may import: each runtime dependency has an owner. */
const owners: Readonly<Record<string, readonly string[]>> = {
  "simple-git": ["git"],
  "@octokit/rest": ["forge"],
  "@octokit/plugin-throttling": ["forge"],
  "@octokit/plugin-retry": ["forge"],
  "@octokit/auth-app": ["forge"],
  "@octokit/request-error": ["forge"],
  mqtt: ["bus"],
  aedes: ["bus"],
  cdk8s: ["charts"],
  "cdk8s-plus-28": ["charts"],
  constructs: ["charts"],
  esbuild: ["delivery"],
  fflate: ["delivery"],
  "csv-parse": ["feed"],
  "fast-xml-builder": ["cli"],
  commander: ["cli"],
  "log-update": ["cli"],
  "string-width": ["cli"],
  picocolors: ["cli"],
  yaml: ["core", "local"],
  ajv: ["local"],
  re2js: ["core"],
  "vega-datasets": ["feed"],
  ccxt: ["gateway"],
  "prom-client": ["console"],
  "@kubernetes/client-node": ["cluster"],
};

/** What a pure room must not touch: the outside, and everything that differs between two runs. */
const impure = [
  { name: "file system, network, process or clock module", pattern: /from "node:(?!crypto"|assert")[a-z_/]+"/ },
  {
    name: "random or key generation",
    pattern: /\b(?:Math\.random|randomUUID|randomBytes|getRandomValues|generateKeyPair)/,
  },
  { name: "clock", pattern: /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(/ },
  { name: "environment", pattern: /\bprocess\.(?:env|argv|cwd|platform)\b/ },
  { name: "network", pattern: /\bfetch\(/ },
  { name: "locale", pattern: /\.toLocale|localeCompare\(|\bIntl\./ },
];
/** Time zones come with the Node that the lock file pins, and are asked for by name: no setting of a machine enters. */
const timeZones = "src/core/time-zone.ts";

interface SourceFile {
  readonly path: string;
  readonly room: string;
  readonly text: string;
  readonly imports: readonly { readonly specifier: string; readonly typeOnly: boolean }[];
}

function roomOf(path: string): string {
  const [first, second] = path.split("/");
  return first === "src" ? (second ?? "") : (first ?? "");
}

/** Comments say `Date.now()` too; the purity rules are about code. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1");
}

function readSources(): readonly SourceFile[] {
  const files: SourceFile[] = [];
  for (const folder of ["src", "charts", "schemas", "sdk/typescript"]) {
    for (const entry of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !/\.m?[jt]s$/.test(entry.name) || entry.name.endsWith(".d.ts")) continue;
      const path = relative(root, join(entry.parentPath, entry.name));
      const text = readFileSync(join(root, path), "utf8");
      const code = entry.name.includes(".generated.") ? "" : withoutComments(text);
      const found = code.matchAll(
        /(?:^|\n)\s*(?:import|export)\s(?<type>type\s)?[^;"']*?from\s*["'](?<from>[^"']+)["']|import\(\s*["'](?<dynamic>[^"']+)["']\s*\)/g,
      );
      const imports = [...found].map(({ groups }) => ({
        specifier: groups?.["from"] ?? groups?.["dynamic"] ?? "",
        typeOnly: groups?.["type"] !== undefined,
      }));
      files.push({ path, room: roomOf(path), text: code, imports });
    }
  }
  return files;
}

function targetRoom(file: SourceFile, specifier: string): string | undefined {
  if (specifier.startsWith("#")) return specifier.slice(1).split("/")[0];
  if (specifier.startsWith(".")) return roomOf(normalize(join(dirname(file.path), specifier)));
  return undefined;
}

const sources = readSources();

describe("rooms", () => {
  test("every folder under src is a known room and none is empty", () => {
    const rooms = new Set(sources.map(({ room }) => room));
    expect([...rooms].sort()).toEqual(
      Object.keys(arrows)
        .filter((room) => room !== "schemas" || rooms.has("schemas"))
        .sort(),
    );
  });

  test.each(Object.keys(arrows))("%s imports only what its arrows allow", (room) => {
    const wrong: string[] = [];
    for (const file of sources.filter((candidate) => candidate.room === room)) {
      for (const { specifier } of file.imports) {
        const target = targetRoom(file, specifier);
        if (target === undefined || target === room || arrows[room]?.includes(target)) continue;
        // main.ts is the entry that cdk8s.yaml runs: it gathers the tree before the pure part can run.
        if (file.path === "charts/main.ts" && target === "delivery") continue;
        wrong.push(`${file.path} imports ${specifier}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  test("a package belongs to the rooms that own it", () => {
    const wrong: string[] = [];
    for (const file of sources) {
      for (const { specifier } of file.imports) {
        const name = specifier.startsWith("@")
          ? specifier.split("/").slice(0, 2).join("/")
          : (specifier.split("/")[0] ?? "");
        const allowed = owners[name];
        if (allowed !== undefined && !allowed.includes(file.room)) wrong.push(`${file.path} imports ${specifier}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  test("every runtime dependency has an owner or a reason", () => {
    const dependencies: unknown = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).dependencies;
    const documented = readFileSync(join(root, "ARCHITECTURE.md"), "utf8");
    const missing = Object.keys(dependencies ?? {}).filter((name) => !documented.includes(`\`${name}\``));
    expect(missing).toEqual([]);
  });
});

describe("purity", () => {
  test.each(["core", "charts"])("%s reads no clock, environment, network, file or randomness", (room) => {
    const wrong: string[] = [];
    for (const file of sources.filter((candidate) => candidate.room === room && candidate.path !== "charts/main.ts")) {
      for (const { name, pattern } of impure) {
        if (pattern.test(file.text) && !(file.path === timeZones && name === "locale"))
          wrong.push(`${file.path}: ${name}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});

describe("process boundaries", () => {
  test("only the command line and the entry of a process read arguments and environment", () => {
    const wrong = sources
      .filter(({ room, path }) => room !== "cli" && !path.endsWith("/main.ts"))
      .filter(({ text }) => /\bprocess\.(?:env|argv)\b/.test(text))
      .map(({ path }) => path);
    expect(wrong).toEqual([]);
  });

  test("the data plane does without the policy engine", () => {
    const wrong = sources
      .filter(({ room }) => ["executor", "gateway", "feed", "bus", "sdk"].includes(room))
      .filter(({ imports }) => imports.some(({ specifier }) => specifier.startsWith("#core/cel/")))
      .map(({ path }) => path);
    expect(wrong).toEqual([]);
  });

  test("strategies are data: nothing imports them", () => {
    const wrong = sources
      .filter(({ imports }) => imports.some(({ specifier }) => specifier.includes("strategies/")))
      .map(({ path }) => path);
    expect(wrong).toEqual([]);
  });

  test("nothing talks to a cluster's write API: two files ask it, and they list, read and get", () => {
    const readers = ["src/cluster/observe.ts", "src/cluster/pod-tails.ts"];
    for (const reader of readers) {
      const calls = sources.find(({ path }) => path === reader)?.text.match(/\b(?:core|custom)\.\w+/g) ?? [];
      expect(calls.length, reader).toBeGreaterThan(0);
      expect(calls.filter((call) => !/^\w+\.(?:list|read|connectGet)[A-Z]/.test(call))).toEqual([]);
    }
    const client = "src/cluster/client.ts";
    expect(sources.find(({ path }) => path === client)?.text).not.toMatch(/makeApiClient|fetch\(/);
    const wrong = sources
      .filter(({ path }) => path !== client && !readers.includes(path))
      // Help may name kubectl for people; as the name of a program it would be a path of ours.
      .filter(({ text }) => /@kubernetes\/client-node|(["'`])kubectl\1/.test(text))
      .map(({ path }) => path);
    expect(wrong).toEqual([]);
  });
});

describe("size", () => {
  test("no source file is over 400 lines", () => {
    const long = sources.filter(({ text }) => text.split("\n").length > 400).map(({ path }) => path);
    expect(long).toEqual([]);
  });
});
