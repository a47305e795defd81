// How an environment's folders become Applications: one a strategy, as the charts render it, or one for all strategies of a team.
import { parse } from "yaml";
import { emitYaml } from "#charts/emit.ts";
import type { JsonObject } from "#core/json.ts";

export const shapes = ["strategy", "team"] as const;
export type Shape = (typeof shapes)[number];

type Files = ReadonlyMap<string, string>;

interface Application {
  readonly path: string;
  readonly name: string;
  readonly folder: string;
  readonly recurses: boolean;
}

/** The branch as the charts render it, with the Applications of another shape. Pure. */
export function shaped(files: Files, shape: Shape): Files {
  if (shape === "strategy") return files;
  const kept = new Map<string, string>();
  for (const [path, text] of files) {
    const object = path.startsWith("apps/application-") ? (parse(text) as ApplicationObject) : undefined;
    const team = object?.metadata.labels["slipway.dev/strategy"] && object.metadata.labels["slipway.dev/team"];
    if (object === undefined || team === undefined) kept.set(path, text);
    else kept.set(`apps/application-paper-strategies-${team}.yaml`, emitYaml(ofTeam(object, team)));
  }
  return new Map([...kept].sort(([a], [b]) => (a < b ? -1 : 1)));
}

interface ApplicationObject extends JsonObject {
  readonly metadata: JsonObject & { readonly labels: { readonly [name: string]: string } };
  readonly spec: JsonObject & { readonly source: JsonObject };
}

/** The same whichever of the team's it is made of. */
function ofTeam({ metadata, spec, ...rest }: ApplicationObject, team: string): JsonObject {
  const { "slipway.dev/strategy": _strategy, ...labels } = metadata.labels;
  return {
    ...rest,
    metadata: {
      ...metadata,
      name: `paper-strategies-${team}`,
      labels: { ...labels, "app.kubernetes.io/name": team },
    },
    spec: { ...spec, source: { ...spec.source, path: `strategies/${team}`, directory: { recurse: true } } },
  };
}

/** The Applications of a branch, the root with them. */
export function applicationsOf(files: Files): readonly Application[] {
  return [...files].flatMap(([path, text]) => {
    if (!path.startsWith("apps/application-")) return [];
    const { metadata, spec } = parse(text) as {
      metadata: { name: string };
      spec: { source: { path: string; directory?: { recurse: boolean } } };
    };
    const { path: folder, directory } = spec.source;
    return [{ path, name: metadata.name, folder, recurses: directory?.recurse === true }];
  });
}

/** Whose objects some files are. */
export function affected(applications: readonly Application[], changed: readonly string[]): readonly string[] {
  const folders = new Set(changed.map((path) => path.slice(0, path.lastIndexOf("/"))));
  return applications
    .filter(({ folder, recurses }) =>
      recurses ? [...folders].some((each) => `${each}/`.startsWith(`${folder}/`)) : folders.has(folder),
    )
    .map(({ name }) => name);
}

/** Paths whose text differs, or that only one of them has. */
export function changedPaths(before: Files, after: Files): readonly string[] {
  return [...new Set([...before.keys(), ...after.keys()])].filter((path) => before.get(path) !== after.get(path));
}
