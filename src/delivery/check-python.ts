import { posix } from "node:path";
import type { Finding } from "#core/refusal.ts";
import type { StrategyFolder } from "./layout.ts";
import { type PythonImport, pythonImports } from "./python-imports.ts";
import { pythonModules } from "./python-modules.ts";

/** What every runtime of Python brings: the SDK. */
const sdk = "slipway";

/**
 * Holds what Python files import to the folder, the standard library, the SDK and the runtime's packages, from `entries` on. It finds mistakes:
 * what a program imports by computed names is refused by the machine that does not have it.
 *
 * @param packages what the runtime brings, by the names that are imported; undefined while that is not known, and then none is refused
 */
export function checkPythonImports(
  strategy: StrategyFolder,
  entries: readonly string[],
  packages: readonly string[] | undefined,
): readonly Finding[] {
  const roots = [...new Set(entries.map((entry) => posix.dirname(entry)))];
  const findings: Finding[] = [];
  const seen = new Set<string>();
  const waiting = [...entries];
  for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
    if (seen.has(file)) continue;
    seen.add(file);
    const text = textOf(strategy, file);
    if (text === undefined) {
      findings.push(notText(strategy, file));
      continue;
    }
    for (const found of pythonImports(text)) {
      const own = ownFiles(strategy, file, found, roots);
      if (own.length > 0) waiting.push(...own);
      else if (!isAllowed(found, packages)) findings.push(refused(strategy, file, found, packages));
    }
  }
  return findings;
}

function textOf({ files }: StrategyFolder, path: string): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(files.get(path)?.bytes);
  } catch {
    return undefined;
  }
}

/** Files of the folder that an import loads: the module, the packages above it, and members that are modules. */
function ownFiles(
  { files }: StrategyFolder,
  importer: string,
  { name, level, members }: PythonImport,
  roots: readonly string[],
): readonly string[] {
  const parts = name === "" ? [] : name.split(".");
  const bases = level === 0 ? roots : [posix.join(posix.dirname(importer), ...Array(level - 1).fill(".."))];
  return bases.flatMap((base) => {
    const whole = posix.join(base, ...parts);
    const steps = parts.map((_, index) => posix.join(base, ...parts.slice(0, index + 1)));
    const wanted = [...steps, ...members.map((member) => posix.join(whole, member))];
    const found = wanted.flatMap((path) => [`${path}.py`, `${path}/__init__.py`]).filter((path) => files.has(path));
    // A folder without __init__.py is a package, too.
    const isFolder = parts.length > 0 && [...files.keys()].some((path) => path.startsWith(`${whole}/`));
    return found.length > 0 || !isFolder
      ? found
      : [...files.keys()].filter((path) => path.startsWith(`${whole}/`) && path.endsWith(".py"));
  });
}

function isAllowed({ name, level }: PythonImport, packages: readonly string[] | undefined): boolean {
  const top = name.split(".")[0] ?? "";
  if (level > 0) return false;
  return top === sdk || pythonModules.has(top) || top.startsWith("_") || (packages?.includes(top) ?? true);
}

function refused(
  strategy: StrategyFolder,
  file: string,
  { name, level, line, column }: PythonImport,
  packages: readonly string[] | undefined,
): Finding {
  const place = { file: `${strategy.folder}/${file}`, line, column, length: Math.max(1, level + name.length) };
  if (level > 0) {
    const message = `"${".".repeat(level)}${name}" is not in the strategy's folder`;
    return { code: "import-missing", severity: "error", message, fix: `add it to ${strategy.folder}`, place };
  }
  const listed = packages?.join(", ") || "none";
  return {
    code: "import-refused",
    severity: "error",
    message: `"${name}" is not something an algorithm may import; allowed are files of its folder, the standard library, slipway and the runtime's packages (${listed})`,
    fix: "do without it, or propose the package in policies/environments under runtimes",
    place,
  };
}

function notText(strategy: StrategyFolder, file: string): Finding {
  return {
    code: "text-not-utf8",
    severity: "error",
    message: `${file} is not UTF-8 text`,
    fix: "save it as UTF-8",
    place: { file: `${strategy.folder}/${file}` },
  };
}
