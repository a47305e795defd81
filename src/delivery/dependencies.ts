import type { Finding } from "#core/refusal.ts";
import { inOneLine } from "#core/visible.ts";
import {
  type LockedPackage,
  type LockFile,
  type Manifest,
  packageName,
  readLockFile,
  readManifest,
} from "./lock-file.ts";

/** A package whose version, place of origin or content differs. */
export interface DependencyChange {
  /** `esbuild`; of one that another brings along `esbuild in vite` */
  readonly name: string;
  readonly from: string | undefined;
  readonly to: string | undefined;
}

/** The files that say what is installed, as text; undefined where there is none. */
export interface DependencyFiles {
  readonly manifest: string | undefined;
  readonly lock: string | undefined;
}

export interface Dependencies {
  readonly changes: readonly DependencyChange[];
  readonly findings: readonly Finding[];
}

export const manifestFile = "package.json";
export const lockFile = "package-lock.json";

/** What npm itself runs at `npm ci`. */
const lifecycle = new Set([
  "preinstall",
  "install",
  "postinstall",
  "preprepare",
  "prepare",
  "postprepare",
  "prepublish",
]);

/** What a proposal changes in what is installed, read from the two files alone: nothing is asked of a registry, and nothing is run. */
export function compareDependencies(before: DependencyFiles, after: DependencyFiles): Dependencies {
  const [oldManifest, manifest] = [before, after].map((files) => files.manifest && readManifest(files.manifest));
  const [oldLock, lock] = [before, after].map((files) => files.lock && readLockFile(files.lock));
  const findings = [
    ...formFindings(after, manifest || undefined, lock || undefined, before),
    ...manifestFindings(oldManifest || undefined, manifest || undefined),
    ...lockFindings(oldLock || undefined, lock || undefined),
  ];
  return { changes: changesOf(oldLock || undefined, lock || undefined), findings };
}

function formFindings(
  files: DependencyFiles,
  manifest: Manifest | undefined,
  lock: LockFile | undefined,
  before: DependencyFiles,
): readonly Finding[] {
  const findings: Finding[] = [];
  const refuse = (file: string, code: string, message: string, fix: string): void => {
    findings.push({ code, severity: "error", message, fix, place: { file } });
  };
  const broken = "then npm ci fails, and nothing judges or renders";
  if (files.manifest !== undefined && manifest === undefined)
    refuse(manifestFile, "package-unreadable", `it is no JSON object; ${broken}`, "mend it");
  if (files.manifest !== undefined && files.lock === undefined && before.lock !== undefined)
    refuse(lockFile, "lock-missing", `${manifestFile} is left without its lock file; ${broken}`, "npm install");
  if (files.lock !== undefined && lock === undefined)
    refuse(
      lockFile,
      "lock-unreadable",
      "it is no lock file of npm 7 or later",
      "npm install, with the npm of Node 20 or later",
    );
  if (manifest === undefined || lock === undefined) return findings;
  const keys = [...new Set([...manifest.asked.keys(), ...lock.asked.keys()])].sort();
  const differ = keys.filter((key) => manifest.asked.get(key) !== lock.asked.get(key));
  if (differ.length > 0)
    refuse(
      lockFile,
      "lock-differs",
      `it was made for another ${manifestFile} (${differ.slice(0, 3).map(brief).join(", ")}${differ.length > 3 ? " …" : ""}); ${broken}`,
      "npm install, and commit both files",
    );
  return findings;
}

function manifestFindings(before: Manifest | undefined, after: Manifest | undefined): readonly Finding[] {
  if (after === undefined) return [];
  const warn = (code: string, message: string): Finding => ({
    code,
    severity: "warning",
    message,
    place: { file: manifestFile },
  });
  const scripts = [...after.scripts]
    .filter(([name, text]) => before?.scripts.get(name) !== text)
    .map(([name, text]) =>
      lifecycle.has(name)
        ? warn("script-installs", `npm ci runs the script ${name}, also where Slipway's key is: ${brief(text)}`)
        : warn("script-changed", `the script ${name} is now: ${brief(text)}`),
    );
  const keys = [...new Set([...(before?.others.keys() ?? []), ...after.others.keys()])].sort();
  const others = keys
    .filter((key) => key !== "version" && before?.others.get(key) !== after.others.get(key))
    .map((key) =>
      warn(
        "package-changed",
        `${brief(key)} ${brief(before?.others.get(key) ?? "not there")} → ${brief(after.others.get(key) ?? "taken away")}`,
      ),
    );
  return [...scripts, ...(before === undefined ? [] : others)];
}

function lockFindings(before: LockFile | undefined, after: LockFile | undefined): readonly Finding[] {
  if (after === undefined) return [];
  const origins = new Set([...(before?.packages.values() ?? [])].map(originOf));
  const findings: Finding[] = [];
  const warn = (code: string, message: string, fix?: string): void => {
    findings.push({
      code,
      severity: "warning",
      message,
      ...(fix === undefined ? {} : { fix }),
      place: { file: lockFile },
    });
  };
  for (const [place, now] of sorted(after.packages)) {
    const old = before?.packages.get(place);
    if (old !== undefined && isSame(old, now)) continue;
    const name = describePlace(place);
    const origin = originOf(now);
    if (old !== undefined && old.version === now.version && old.integrity !== now.integrity)
      warn(
        "lock-content",
        `${name} ${brief(now.version)} has other content under the same version`,
        "ask why before anything else",
      );
    if (!isUsual(origin) && !origins.has(origin))
      warn("lock-origin", `${name} comes from ${brief(origin)}, and nothing did before`);
    if (now.integrity === undefined && now.resolved?.startsWith("http") === true)
      warn("lock-unproven", `${name} has no digest: whatever the server answers is installed`);
    if (now.runsScript)
      warn(
        "install-script",
        `${name} ${brief(now.version)} runs a script when it is installed, where allowScripts lets it`,
      );
  }
  return findings;
}

function changesOf(before: LockFile | undefined, after: LockFile | undefined): readonly DependencyChange[] {
  const places = [...new Set([...(before?.packages.keys() ?? []), ...(after?.packages.keys() ?? [])])].sort();
  return places.flatMap((place) => {
    const [old, now] = [before?.packages.get(place), after?.packages.get(place)];
    if (old !== undefined && now !== undefined && isSame(old, now)) return [];
    return [{ name: describePlace(place), from: old && brief(old.version), to: now && brief(now.version) }];
  });
}

function isSame(a: LockedPackage, b: LockedPackage): boolean {
  return (
    a.version === b.version && a.resolved === b.resolved && a.integrity === b.integrity && a.runsScript === b.runsScript
  );
}

/** `https://registry.npmjs.org`; of a folder or file the word for it. */
function originOf({ resolved }: LockedPackage): string {
  if (resolved === undefined) return "a folder of this repository";
  const scheme = /^[a-z][a-z0-9+.-]*:(?:\/\/[^/?#]*)?/i.exec(resolved)?.[0];
  return scheme ?? resolved;
}

function isUsual(origin: string): boolean {
  return origin === "https://registry.npmjs.org" || origin === "a folder of this repository";
}

function describePlace(place: string): string {
  const [name, outer] = [
    packageName(place),
    place.slice(0, -packageName(place).length).replace(/\/?node_modules\/$/, ""),
  ];
  return brief(outer === "" ? name : `${name} in ${outer.split("/node_modules/").join(" in ")}`);
}

function sorted<Value>(map: ReadonlyMap<string, Value>): readonly (readonly [string, Value])[] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1));
}

const textMax = 100;

/** What stands in a proposal's files is shown in a terminal, too. */
function brief(text: string): string {
  const shown = inOneLine(text);
  return shown.length <= textMax ? shown : `${shown.slice(0, textMax - 1)}…`;
}
