/** One installed package of npm's lock file. */
export interface LockedPackage {
  readonly version: string;
  /** Where it comes from; undefined for a folder of the repository. */
  readonly resolved: string | undefined;
  readonly integrity: string | undefined;
  readonly runsScript: boolean;
}

export interface LockFile {
  /** Of the package whose lock file it is. */
  readonly name: string | undefined;
  /** By the place in `node_modules`, for example `a` or `a/node_modules/b`. */
  readonly packages: ReadonlyMap<string, LockedPackage>;
  /** What the lock file believes that package.json asks for. */
  readonly asked: ReadonlyMap<string, string>;
}

/** What of package.json counts for what is installed and run. */
export interface Manifest {
  readonly name: string | undefined;
  /** `dependencies express` → `^4.0.0` */
  readonly asked: ReadonlyMap<string, string>;
  readonly scripts: ReadonlyMap<string, string>;
  /** Every other key, as JSON. */
  readonly others: ReadonlyMap<string, string>;
}

export const dependencyKinds = ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"] as const;

const prefix = "node_modules/";

/** @returns undefined if it is none, or of npm before 7, which named no packages */
export function readLockFile(text: string): LockFile | undefined {
  const packages = fieldOf(parse(text), "packages");
  if (!isRecord(packages)) return undefined;
  const found = new Map<string, LockedPackage>();
  for (const [path, entry] of Object.entries(packages)) {
    if (!isRecord(entry) || path === "") continue;
    const resolved = textOf(fieldOf(entry, "resolved"));
    found.set(path.startsWith(prefix) ? path.slice(prefix.length) : path, {
      version: textOf(fieldOf(entry, "version")) ?? (fieldOf(entry, "link") === true ? `→ ${resolved ?? "?"}` : "?"),
      resolved: fieldOf(entry, "link") === true ? undefined : resolved,
      integrity: textOf(fieldOf(entry, "integrity")),
      runsScript: fieldOf(entry, "hasInstallScript") === true,
    });
  }
  const own = fieldOf(packages, "");
  return { name: textOf(fieldOf(own, "name")), packages: found, asked: askedBy(own) };
}

/** @returns undefined if it is no JSON object */
export function readManifest(text: string): Manifest | undefined {
  const manifest = parse(text);
  if (!isRecord(manifest)) return undefined;
  const known = new Set<string>([...dependencyKinds, "scripts"]);
  return {
    name: textOf(fieldOf(manifest, "name")),
    asked: askedBy(manifest),
    scripts: textsOf(fieldOf(manifest, "scripts")),
    others: new Map(
      Object.entries(manifest)
        .filter(([key]) => !known.has(key))
        .map(([key, value]) => [key, JSON.stringify(value)]),
    ),
  };
}

/** `pkg` of `a/node_modules/@scope/pkg` is `@scope/pkg`. */
export function packageName(place: string): string {
  return place.slice(place.lastIndexOf(prefix) < 0 ? 0 : place.lastIndexOf(prefix) + prefix.length);
}

function askedBy(manifest: unknown): ReadonlyMap<string, string> {
  const asked = new Map<string, string>();
  for (const kind of dependencyKinds)
    for (const [name, range] of textsOf(fieldOf(manifest, kind))) asked.set(`${kind} ${name}`, range);
  return asked;
}

function textsOf(value: unknown): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  if (isRecord(value))
    for (const [key, text] of Object.entries(value)) if (typeof text === "string") texts.set(key, text);
  return texts;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // No JSON: the caller says so.
    return undefined;
  }
}

/** Own keys alone: a file may name any. */
function fieldOf(value: unknown, key: string): unknown {
  return isRecord(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
