import { type AskedResource, askedResource } from "#core/asked-resource.ts";
import { compareBound } from "#core/bounds.ts";
import type { StrategyId } from "#core/identity.ts";
import { formatMemory, memoryOf } from "#core/quantity.ts";
import type { Finding } from "#core/refusal.ts";
import type { Fleet, ParsedEnvironment, StrategySource } from "./fleet.ts";

// A strategy's state is a claim of Kubernetes, an object that outlives its pods. The API server makes none smaller than what it has, makes one larger
// only when it is bound and its storage class allows expansion, and refuses any other change of it: then the strategy's sync fails, and with it all of
// its later ones. What is in the cluster is not known here; what main says of both sides is.

/** The line in a proposal's description that says of the claims that it makes smaller: what main asked for last never came, its sync failed. */
export const neverGrewLine = "claims: never grew";

export function saysNeverGrew(description: string): boolean {
  return /^[ \t]*claims:[ \t]*never grew[ \t]*$/m.test(description);
}

interface Resize {
  readonly id: StrategyId;
  readonly source: StrategySource;
  readonly environment: string;
  readonly before: string;
  readonly after: AskedResource;
  readonly shrinks: boolean;
  /** Whether its document said nothing of it and says nothing now: the environment's default is what changed. */
  readonly byDefault: boolean;
  /** Whether it ran before. */
  readonly ran: boolean;
}

const namedMax = 5;

/**
 * What Kubernetes would refuse of the claims that two trees make, at whatever changes them: the strategy's document, or the environment's default.
 *
 * @param neverGrew the proposal's word that what it makes smaller is not larger in the cluster
 */
export function checkClaims(before: Fleet, after: Fleet, neverGrew: boolean): readonly Finding[] {
  const findings: Finding[] = [];
  for (const [name, { parsed }] of after.environments) {
    const old = before.environments.get(name)?.parsed;
    if (old === undefined || parsed === undefined) continue;
    const resized = resizesIn(name, before, after, old, parsed);
    const own = resized.filter(({ byDefault }) => !byDefault).flatMap((resize) => refuse(resize, parsed));
    const others = resized.filter(({ byDefault }) => byDefault);
    findings.push(...own, ...refuseDefault(others, parsed));
  }
  return neverGrew ? findings.map(admitted) : findings;
}

function admitted(finding: Finding): Finding {
  if (finding.code !== "state-shrinks") return finding;
  const { fix: _fix, ...rest } = finding;
  return {
    ...rest,
    severity: "warning",
    message: `${finding.message} if it had grown, and the proposal says that it never did`,
  };
}

function resizesIn(
  environment: string,
  before: Fleet,
  after: Fleet,
  old: ParsedEnvironment,
  now: ParsedEnvironment,
): readonly Resize[] {
  const resizes: Resize[] = [];
  const sameDefault = old.parts.spec?.defaults?.state === now.parts.spec?.defaults?.state;
  for (const [id, source] of after.strategies) {
    if (sameDefault && source.digest === before.strategies.get(id)?.digest) continue;
    const [was, is] = [sizeOf(before.strategies.get(id), environment, old), sizeOf(source, environment, now)];
    if (was === undefined || is === undefined || was.text === is.text) continue;
    const direction = compareBound("state", was.text, is.text);
    if (direction === "equal") continue;
    const ran = before.strategies.get(id)?.parsed?.parts.spec?.environments?.[environment]?.running === true;
    const size = { ...is, text: canonical(is.text) };
    const shrinks = direction === "tighter";
    const byDefault = was.pointer === undefined && is.pointer === undefined;
    resizes.push({ id, source, environment, before: canonical(was.text), after: size, shrinks, byDefault, ran });
  }
  return resizes;
}

/** `undefined` where it has no claim, or not all is known. */
function sizeOf(
  source: StrategySource | undefined,
  environment: string,
  policy: ParsedEnvironment,
): AskedResource | undefined {
  const parts = source?.parsed?.parts;
  return parts === undefined ? undefined : askedResource(parts, policy.parts, environment, "state");
}

function canonical(text: string): string {
  return formatMemory(memoryOf(text));
}

/** What is wrong with one that its own document changes. */
function refuse(resize: Resize, policy: ParsedEnvironment): readonly Finding[] {
  const { source, environment, before, after, shrinks } = resize;
  if (source.parsed === undefined) return [];
  const pointer = after.pointer ?? "/spec/resources";
  const place = source.parsed.locate(pointer);
  const is =
    after.pointer === undefined
      ? `the state of the claim in ${environment} would be the default, ${after.text} instead of ${before}`
      : `${after.pointer.split("/").slice(2).join(".")} changes from ${before} to ${after.text} in ${environment}`;
  const keep = after.pointer === undefined ? `say resources.state: ${before}` : `leave it at ${before}`;
  if (shrinks) return [{ ...shrunk(is, `${keep}; or ${anew(environment, after.text)}`), pointer, place }];
  return growth(resize, policy, is, keep).map((finding) => ({ ...finding, pointer, place }));
}

/** The same of those that an environment's default changes, all from and to the same. */
function refuseDefault(resized: readonly Resize[], policy: ParsedEnvironment): readonly Finding[] {
  const [first] = resized;
  if (first === undefined) return [];
  const pointer = "/spec/defaults/state";
  const place = policy.locate(pointer);
  const ids = resized.map(({ id }) => id);
  const more = ids.length > namedMax ? ` and ${ids.length - namedMax} more` : "";
  const whose = `${ids.slice(0, namedMax).join(", ")}${more} in ${first.environment}`;
  const is = `defaults.state changes from ${first.before} to ${first.after.text}, and so would the claims of ${whose}`;
  const keep = `leave it at ${first.before}, or write resources.state: ${first.before} into these in this proposal`;
  if (first.shrinks) return [{ ...shrunk(is, keep), pointer, place }];
  const ran = resized.every((resize) => resize.ran);
  return growth({ ...first, ran }, policy, is, keep).map((finding) => ({ ...finding, pointer, place }));
}

function shrunk(is: string, fix: string): Finding {
  const message = `${is}, and Kubernetes makes no claim smaller: the sync would fail`;
  const never = `or, if the sync of the larger one failed, say "${neverGrewLine}" in the description`;
  return { code: "state-shrinks", severity: "error", message, fix: `${fix}; ${never}` };
}

function anew(environment: string, size: string): string {
  return `say spec.retire, then take ${environment} out, then bring it back with ${size}, in three proposals: it starts anew, without its state`;
}

/** Of a real cluster alone: folders of the embedded one grow by themselves. */
function growth(
  { environment, before, after, ran }: Resize,
  policy: ParsedEnvironment,
  is: string,
  keep: string,
): readonly Finding[] {
  const cluster = policy.parts.spec?.cluster;
  if (cluster === undefined) return [];
  const at = "cluster.volumeExpansion";
  const file = `policies/environments/${environment}.yaml`;
  if (cluster.volumeExpansion === false) {
    return [
      {
        code: "state-fixed",
        severity: "error",
        message: `${is}, and the storage class of ${environment} lets no claim grow (${at}): the sync would fail`,
        fix: `${keep}; or set allowVolumeExpansion on the storage class and ${at} in ${file}; or ${anew(environment, after.text)}`,
        bound: policy.locate("/spec/cluster/volumeExpansion"),
      },
    ];
  }
  const needs = [
    ...(cluster.volumeExpansion === undefined ? ["a storage class with allowVolumeExpansion"] : []),
    ...(ran ? [] : ["a claim that is bound, so a strategy that has run once"]),
  ];
  if (needs.length === 0) return [];
  return [
    {
      code: "state-grows",
      severity: "warning",
      message: `${is}: that takes ${needs.join(", and ")}, or the sync fails`,
      fix:
        cluster.volumeExpansion === undefined
          ? `say ${at} in ${file}, which is then held to`
          : `if it has never run, start it with ${before} first`,
    },
  ];
}
