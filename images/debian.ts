// Files of Debian packages that are installed on this machine: the C library and what Node and Python are linked with.
import { execFileSync } from "node:child_process";
import { readFileSync, realpathSync, statSync } from "node:fs";
import type { Entry } from "./tar.ts";

export interface DebianPackage {
  readonly name: string;
  readonly version: string;
}

/** The shared libraries of programs, under the names that their loader asks for, the loader among them. */
export function librariesOf(programs: readonly string[]): readonly string[] {
  const paths = new Set<string>();
  for (const program of programs) {
    for (const line of run("ldd", [program]).split("\n")) {
      const found = /^\s*(?:\S+ => )?(\/\S+) \(0x/.exec(line)?.[1];
      if (found !== undefined) paths.add(found);
    }
  }
  return [...paths].sort();
}

/** Where the loader looks for them, whether the machine has merged /usr or not. */
export function libraryEntries(paths: readonly string[]): readonly Entry[] {
  return paths.map((path) => ({ path: path.slice(1), mode: 0o755, content: readFileSync(path) }));
}

/** Regular files of an installed package, and links as links. */
export function filesOf(name: string): readonly string[] {
  return run("dpkg", ["-L", name])
    .split("\n")
    .filter((path) => path !== "" && statSync(path, { throwIfNoEntry: false })?.isFile() === true);
}

/** Which packages files are of, sorted. A file of none is a fault: nobody could say what it is. */
export function packagesOf(paths: readonly string[]): readonly DebianPackage[] {
  const names = new Set(paths.map(owner));
  return [...names].sort().map((name) => ({ name, version: versionOf(name) }));
}

function versionOf(name: string): string {
  const found = /^Version: (\S+)$/m.exec(run("dpkg-query", ["-s", name]))?.[1];
  if (found === undefined) throw new Error(`the package ${name} says no version of itself`);
  return found;
}

function owner(path: string): string {
  const real = realpathSync(path);
  for (const candidate of new Set([path, real, real.replace(/^\/usr\//, "/"), `/usr${real}`])) {
    try {
      const [name = ""] = run("dpkg", ["-S", candidate]).split(": ");
      return name.split(":")[0] ?? name;
    } catch {
      // Registered under another of its paths.
    }
  }
  throw new Error(`${path} is of no Debian package`);
}

function run(program: string, argv: readonly string[]): string {
  return execFileSync(program, argv, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"], timeout: 60_000 });
}
