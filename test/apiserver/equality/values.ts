// Specs with a value around each bound, and what else a spec may say.
import { type BoundName, boundNames } from "#core/bounds.ts";
import type { JsonObject } from "#core/json.ts";
import { asObject } from "../client.ts";
import { type Candidate, objectsOf, shardOf } from "./candidate.ts";
import { gateOn, isHeld, type Subject, specWith } from "./gate.ts";
import { laid } from "./mutations.ts";
import type { Setting } from "./setting.ts";
import { textsAround } from "./texts.ts";

/** Each value as Slipway would render it, refused or not, and as somebody would write it into the object by hand. */
export function boundValues(setting: Setting): readonly Candidate[] {
  const { bounds } = setting.policy;
  return setting.subjects.flatMap((subject) => {
    const parts = { running: !isHeld(setting, subject) } as unknown as JsonObject;
    const plain = gateOn(setting, subject, parts).effective;
    const spec = plain === undefined ? undefined : objectsOf(setting, plain).find(({ kind }) => kind === "ConfigMap");
    if (spec === undefined) throw new Error("the plain strategy is refused");
    const values = {
      ...bounds.everyone,
      ...bounds.teams[subject.team],
      ...bounds.strategies[`${subject.team}/${subject.name}`],
    };
    return boundNames.flatMap((bound) => {
      const texts = new Set([
        ...textsAround(bound, values[bound]),
        ...textsAround(bound, bounds.everyone[bound]),
        ...heldTexts(setting, subject, bound),
      ]);
      return [...texts].flatMap((text) => valueCandidates(setting, subject, bound, text, spec));
    });
  });
}

function heldTexts(setting: Setting, subject: Subject, bound: BoundName): readonly string[] {
  if (!isHeld(setting, subject) || bound === "rpcAddresses") return [];
  const { limits, resources } = setting.held;
  const own = bound in limits ? limits[bound as keyof typeof limits] : resources[bound as keyof typeof resources];
  return textsAround(bound, own);
}

const keyOf = (bound: BoundName): string => {
  if (bound === "rpcAddresses") return "algorithm.rpc";
  return ["cpu", "memory", "state"].includes(bound) ? `resources.${bound}` : `limits.${bound}`;
};

function valueCandidates(
  setting: Setting,
  subject: Subject,
  bound: BoundName,
  text: string,
  plain: JsonObject,
): readonly Candidate[] {
  const isList = bound === "instruments" || bound === "venues";
  const running = !isHeld(setting, subject);
  const parts = { ...specWith(bound, isList ? text.split(",") : text), running: running as unknown as JsonObject };
  const { effective, document } = gateOn(setting, subject, parts);
  const about = `${subject.team}/${subject.name} ${keyOf(bound)} ${JSON.stringify(text).slice(0, 40)}`;
  const found: Candidate[] = [];
  if (effective !== undefined && document !== undefined) {
    for (const object of objectsOf(setting, effective)) {
      if (!concerns(bound, object)) continue;
      found.push({ about, object, owner: subject, from: { document, effective } });
    }
    if (!["cpu", "memory", "state", "rpcAddresses"].includes(bound))
      found.push({ about, object: shardOf(setting, effective), owner: subject });
  }
  const raw = laid(plain, { data: { [keyOf(bound)]: text } });
  found.push({ about: `${about} by hand`, object: raw, owner: subject });
  return found;
}

/** The kinds in which a bound's value stands. */
function concerns(bound: BoundName, { kind }: JsonObject): boolean {
  if (kind === "ConfigMap") return true;
  switch (bound) {
    case "cpu":
    case "memory":
      return kind === "StatefulSet";
    case "state":
      return kind === "PersistentVolumeClaim";
    case "rpcAddresses":
      return kind === "StatefulSet" || kind === "NetworkPolicy";
    default:
      return false;
  }
}

/** What else a spec may say, and what rules may ask for. */
export function specVariants(setting: Setting): readonly Candidate[] {
  const sizing = (value: JsonObject): JsonObject => ({ portfolio: { startingCash: "10000", sizing: value } });
  const samples = [...setting.policies.rules.values()].flatMap(({ document }) => {
    if (document?.spec.over !== "spec") return [];
    return [...document.spec.samples.allow, ...document.spec.samples.deny].map((sample) => {
      const { spec, ...fields } = sample as JsonObject;
      const { environment: _environment, team: _team, metadata: _metadata, ...own } = fields;
      return laid(own, asObject(spec));
    });
  });
  const parts: readonly JsonObject[] = [
    {},
    { owner: "nobody" },
    { owner: "@risk/desk" },
    { owner: "eve" },
    { running: false },
    { channels: ["ind/+/AAPL/sma/10", "md/paper/AAPL/bar/1m"] },
    { publishes: [] },
    { onError: "skip" },
    { onError: "halt" },
    { retire: "flatten" },
    { algorithm: { entry: "algorithm.py", runtime: "python" } },
    { limits: { maxOrderNotional: "1200.00000001" } },
    ...["0.1", "0.9", "1"].map((fraction) => sizing({ use: "fixed-fraction", fraction })),
    ...["1", "5000", "99999999"].map((cash) => sizing({ use: "fixed-cash", cash })),
    sizing({ use: "random" }),
    ...["0.5", "20000", "100000000"].map((startingCash) => ({
      portfolio: { startingCash, sizing: { use: "random" } },
    })),
    ...samples,
  ];
  return setting.subjects.flatMap((subject) =>
    parts.flatMap((part, index): Candidate[] => {
      const { document, effective } = gateOn(setting, subject, part);
      if (document === undefined || effective === undefined) return [];
      const [object] = objectsOf(setting, effective).filter(({ kind }) => kind === "ConfigMap");
      const about = `${subject.team}/${subject.name} spec ${index} ${JSON.stringify(part).slice(0, 60)}`;
      return object === undefined ? [] : [{ about, object, owner: subject, from: { document, effective } }];
    }),
  );
}
