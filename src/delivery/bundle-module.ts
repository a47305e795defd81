import { posix } from "node:path";
import type {
  BuildFailure,
  BuildOptions,
  Loader,
  Message,
  OnLoadResult,
  OnResolveArgs,
  OnResolveResult,
  PartialMessage,
  Plugin,
} from "esbuild";
import type { Finding } from "#core/refusal.ts";
import { Fault } from "#core/result.ts";
import { type SlotFiles, slotNames } from "#core/slots.ts";
import { exportsText, noDefaultExport, together, withoutDefault } from "./bundle-exports.ts";
import type { StrategyFolder } from "./layout.ts";
import { isLeftOut } from "./tree.ts";

export interface BundledModule {
  /** Absent when something refuses it. */
  readonly text: string | undefined;
  /** Its source map, version 3; the sources are the folder's files, without their text. */
  readonly map?: SourceMapV3;
  readonly findings: readonly Finding[];
}

export interface SourceMapV3 {
  readonly version: 3;
  readonly sources: readonly string[];
  readonly names: readonly string[];
  readonly mappings: string;
}

/** Names of the virtual file systems; the first one shows in the output's comments, so it is part of its bytes. */
const own = "strategy";
const sdk = "slipway";
const loaders: { readonly [extension: string]: Loader } = {
  ".ts": "ts",
  ".mts": "ts",
  ".js": "js",
  ".mjs": "js",
  ".json": "json",
};
const decoder = new TextDecoder("utf-8", { fatal: true });

/** Why an import was refused; travels through esbuild, which adds the place. */
interface Refused {
  readonly code: string;
  readonly fix: string;
}

type Esbuild = typeof import("esbuild");

/**
 * Bundles a TypeScript algorithm into one ECMAScript module. Files come from the strategy's folder only; nothing on this machine is read,
 * and nothing of it (paths, settings) reaches the output. Readable on purpose: a reviewer sees the difference of two bundles.
 *
 * @param slots files whose default exports become the exports `sizing` and `guard`
 */
export async function bundleModule(
  strategy: StrategyFolder,
  entry: string,
  slots: SlotFiles,
  packages: readonly string[] | undefined,
): Promise<BundledModule> {
  const esbuild = await import("esbuild");
  const exported = [entry, ...slotNames.flatMap((name) => slots[name] ?? [])];
  try {
    const result = await esbuild.build({
      ...settings,
      entryPoints: [exported.length === 1 ? entry : together],
      plugins: [folderPlugin(esbuild, strategy, packages, exportsText(entry, slots))],
    });
    const findings = result.warnings.map((message) => toFinding(strategy, message, "warning"));
    const foreign = Object.keys(result.metafile.inputs).filter(
      (input) => !input.startsWith(`${own}:`) && !input.startsWith(`${sdk}:`),
    );
    if (foreign.length > 0) return { text: undefined, findings: [refusedPattern(strategy, entry)] };
    const outputs = Object.values(result.metafile.outputs).flatMap((output) => output.exports);
    for (const [index, file] of exported.entries()) {
      // A file without any export is a module of another kind to esbuild, of which all are good.
      const isModule = result.metafile.inputs[`${own}:${file}`]?.format === "esm";
      if (!isModule || !outputs.includes("default")) findings.push(noDefaultExport(strategy, file, index === 0));
    }
    const output = (end: string): string => result.outputFiles.find(({ path }) => path.endsWith(end))?.text ?? "";
    return { text: output(".mjs"), map: readMap(output(".mjs.map")), findings };
  } catch (cause) {
    if (!isBuildFailure(cause)) throw new Fault("bundler-failed", `esbuild could not bundle ${strategy.id}`, { cause });
    const findings = cause.errors.map(
      (message) =>
        withoutDefault(strategy, message, `${sdk}:${together}`, exported) ?? toFinding(strategy, message, "error"),
    );
    return { text: undefined, findings };
  }
}

const settings = {
  bundle: true,
  write: false,
  metafile: true,
  format: "esm",
  platform: "neutral",
  target: "es2024",
  charset: "utf8",
  legalComments: "none",
  // A tsconfig.json in the folder changes nothing.
  tsconfigRaw: {},
  logLevel: "silent",
  absWorkingDir: "/",
  outfile: "/algorithm.mjs",
  treeShaking: true,
  sourcemap: "external",
  sourcesContent: false,
} as const satisfies BuildOptions;

/** The fields that lead to a place, with the files named as their author does. */
function readMap(text: string): SourceMapV3 {
  const { sources, names, mappings } = JSON.parse(text) as SourceMapV3;
  const files = sources.map((source) => source.replace(new RegExp(`^(?:${own}|${sdk}):`), ""));
  return { version: 3, sources: files, names, mappings };
}

function isBuildFailure(cause: unknown): cause is BuildFailure {
  return cause instanceof Error && "errors" in cause && Array.isArray(cause.errors);
}

function folderPlugin(
  esbuild: Esbuild,
  strategy: StrategyFolder,
  packages: readonly string[] | undefined,
  exportsOfAll: string,
): Plugin {
  return {
    name: "slipway",
    setup(build) {
      build.onResolve({ filter: /.*/ }, (request) => resolveImport(strategy, packages, request));
      build.onLoad({ filter: /.*/, namespace: own }, ({ path }) => loadFile(esbuild, strategy, path));
      build.onLoad({ filter: /.*/, namespace: sdk }, ({ path }) => ({
        contents: path === together ? exportsOfAll : "export {};",
        loader: "js",
      }));
      // Whatever else esbuild would open stands on this machine's disk.
      build.onLoad({ filter: /.*/ }, ({ path }) =>
        refusal("import-outside", `${path} is not in the strategy's folder`, "import a file of the folder"),
      );
    },
  };
}

function refusal(
  code: string,
  text: string,
  fix: string,
  location?: PartialMessage["location"],
): { errors: PartialMessage[] } {
  const detail: Refused = { code, fix };
  return { errors: [{ text, detail, ...(location === undefined ? {} : { location }) }] };
}

function resolveImport(
  strategy: StrategyFolder,
  packages: readonly string[] | undefined,
  request: OnResolveArgs,
): OnResolveResult {
  const { path, kind, importer } = request;
  if (kind === "entry-point") return { path, namespace: path === together ? sdk : own };
  if (kind === "require-call" || kind === "require-resolve") {
    return refusal(
      "import-require",
      `require(${JSON.stringify(path)}) is refused; an algorithm is an ECMAScript module`,
      'write import … from "…"',
    );
  }
  if (path === "slipway/sdk") return { path, namespace: sdk, sideEffects: false };
  if (path.startsWith("./") || path.startsWith("../")) {
    const folder = importer === together ? "." : posix.dirname(importer);
    const target = posix.normalize(posix.join(folder, path));
    if (target.startsWith(".."))
      return refusal(
        "import-outside",
        `${JSON.stringify(path)} leaves the strategy's folder`,
        "copy the file into the folder",
      );
    const found = [
      target,
      `${target}.ts`,
      `${target}.js`,
      target.replace(/\.js$/, ".ts"),
      target.replace(/\.mjs$/, ".mts"),
      `${target}/index.ts`,
    ].find((name) => strategy.files.has(name));
    if (found !== undefined) return { path: found, namespace: own };
    if (isLeftOut(target))
      return refusal(
        "import-left-out",
        `${JSON.stringify(path)} is never deployed; hidden files, backups, caches and installed packages are left out`,
        "give it another name, or another folder",
      );
    return refusal(
      "import-missing",
      `${JSON.stringify(path)} is not in the strategy's folder`,
      `add ${target} to ${strategy.folder}`,
    );
  }
  const name = path
    .split("/")
    .slice(0, path.startsWith("@") ? 2 : 1)
    .join("/");
  if (packages?.includes(name) ?? isPackage(name)) return { path, external: true };
  const listed = packages?.join(", ") || "none";
  const what = path.startsWith("node:") ? "a module of Node" : "not something an algorithm may import";
  return refusal(
    "import-refused",
    `${JSON.stringify(path)} is ${what}; allowed are files of its folder, slipway/sdk and the runtime's packages (${listed})`,
    "do without it, or propose the package in policies/environments under runtimes",
  );
}

/** Whether it could be a package, as policies name them: not `node:fs`, a path or a URL. */
function isPackage(name: string): boolean {
  return /^(?:@[a-z0-9][a-z0-9._-]*\/)?[A-Za-z0-9][A-Za-z0-9._-]{0,213}$/.test(name);
}

async function loadFile(esbuild: Esbuild, strategy: StrategyFolder, path: string): Promise<OnLoadResult> {
  const file = strategy.files.get(path);
  const loader = loaders[posix.extname(path)];
  if (file === undefined)
    return refusal("import-missing", `${path} is not in the strategy's folder`, `add it to ${strategy.folder}`);
  if (loader === undefined)
    return refusal(
      "import-kind",
      `${path} is no code that can be bundled`,
      `import files that end with ${Object.keys(loaders).join(", ")}`,
    );
  let contents: string;
  try {
    contents = decoder.decode(file.bytes);
  } catch {
    return refusal("text-not-utf8", `${path} is not UTF-8 text`, "save it as UTF-8");
  }
  if (loader !== "json") {
    const refused = await refuseComputedImport(esbuild, contents, loader, path);
    if (refused !== undefined) return refused;
  }
  return { contents, loader };
}

/**
 * esbuild reads `import("./" + name)` as a pattern and searches this machine's disk for it, past every plugin. So each file is first printed by
 * esbuild without bundling (comments gone, spaces plain) and refused if a computed import or a `require` stands in it. A string that spells one
 * is refused as well: better than a parser of our own.
 */
async function refuseComputedImport(
  esbuild: Esbuild,
  contents: string,
  loader: Loader,
  path: string,
): Promise<OnLoadResult | undefined> {
  let printed: string;
  try {
    printed = (
      await esbuild.transform(contents, {
        loader,
        format: "esm",
        target: "es2024",
        charset: "utf8",
        legalComments: "none",
        tsconfigRaw: {},
        logLevel: "silent",
      })
    ).code;
  } catch (cause) {
    // A syntax error: the build reports the same one, with its place.
    if (isBuildFailure(cause)) return undefined;
    throw cause;
  }
  const computed = /\bimport(?:\.\w+)?\s*\((?!\s*"[^"\\\n]*"\s*[,)])/.exec(printed);
  if (computed !== null) {
    return refusal(
      "import-computed",
      "an import() whose name is computed is refused: nobody could say what it loads",
      "import by a name in quotes",
      find(contents, /\bimport\s*(?:\/\*[\s\S]*?\*\/\s*)*\(/g, path),
    );
  }
  if (/(?<![.\w$#])require\s*(?:\?\.|\.|\()/.test(printed)) {
    return refusal(
      "import-require",
      "require is refused; an algorithm is an ECMAScript module",
      'write import … from "…"',
      find(contents, /\brequire\b/g, path),
    );
  }
  return undefined;
}

/** Where the first match stands that is not followed by a plain name in quotes. */
function find(contents: string, pattern: RegExp, path: string): NonNullable<PartialMessage["location"]> {
  const matches = [...contents.matchAll(pattern)];
  const match =
    matches.find(({ 0: text, index }) => !/^\s*["'][^"'\\\n]*["']\s*[,)]/.test(contents.slice(index + text.length))) ??
    matches[0];
  const before = contents.slice(0, match?.index ?? 0).split("\n");
  const lineText = contents.split("\n")[before.length - 1] ?? "";
  const column = Buffer.byteLength(before.at(-1) ?? "");
  return { namespace: own, file: path, line: before.length, column, length: match?.[0].length ?? 0, lineText };
}

function toFinding(strategy: StrategyFolder, message: Message, severity: Finding["severity"]): Finding {
  const detail = isRefused(message.detail) ? message.detail : undefined;
  const { location } = message;
  const file =
    location === null ? strategy.folder : `${strategy.folder}/${location.file.replace(/^(?:strategy|slipway):/, "")}`;
  // esbuild counts columns in bytes from 0.
  const column =
    location === null ? 0 : Buffer.from(location.lineText).subarray(0, location.column).toString("utf8").length + 1;
  const place =
    location === null
      ? { file }
      : { file, line: location.line, column, ...(location.length > 0 ? { length: location.length } : {}) };
  return {
    code: detail?.code ?? (severity === "error" ? "algorithm-syntax" : "algorithm-warning"),
    severity,
    message: message.text.replaceAll(`${own}:`, ""),
    ...(detail === undefined ? {} : { fix: detail.fix }),
    place,
  };
}

function isRefused(detail: unknown): detail is Refused {
  return typeof detail === "object" && detail !== null && "code" in detail && "fix" in detail;
}

function refusedPattern(strategy: StrategyFolder, entry: string): Finding {
  return {
    code: "import-outside",
    severity: "error",
    message: "an import reaches outside the strategy's folder",
    fix: "import files of the folder by a name in quotes",
    place: { file: `${strategy.folder}/${entry}` },
  };
}
