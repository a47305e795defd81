import { formatTarget, targetOf } from "#core/halt.ts";
import { groupsFor, membersOf, operatorsOf } from "#core/operators.ts";
import { ownersDefault } from "#core/owners.ts";
import type { Policies } from "#core/policies.ts";
import type { Finding } from "#core/refusal.ts";
import { type TeamsDocument, teamsFile } from "#core/teams.ts";
import type { Touch } from "./touches.ts";
import type { ApprovalNeed, Proposer } from "./verdict.ts";

type ApprovalRule = NonNullable<TeamsDocument["spec"]["approvals"]>[number];

export interface NeedsRequest {
  /** The base's policies: by their word and by their groups is asked. */
  readonly before: Policies;
  readonly after: Policies;
  readonly touches: readonly Touch[];
  /** The gate's: some pass with an approval. */
  readonly findings: readonly Finding[];
  readonly proposers: readonly Proposer[];
}

/**
 * Which approvals a proposal needs, by the base's policies: those of the environments that it reaches, of the groups whose folders it touches, and of
 * the owners of rules that it breaks. What the proposal itself asks more, it must meet, too; what it asks less, counts from the next one on.
 */
export function approvalNeeds(request: NeedsRequest): readonly ApprovalNeed[] {
  const { before, after, touches, findings } = request;
  const base = [
    ...byEnvironment(before, after, touches),
    ...byFolder(before.teams, request),
    ...byHalts(request),
    ...byOwners(request),
  ];
  const more = byFolder(after.teams, request).filter((need) => !base.some((known) => covers(known, need)));
  return merged([...base, ...more, ...byRules(before, after, findings)]);
}

const haltsFolder = "policies/halts/";

/** What the gateway does already, on the word of someone who may: waiting for an approval would only keep it out of Git. */
function isRecordOfHalt({ path, changes }: Touch): boolean {
  return (
    path.startsWith(haltsFolder) && changes.length > 0 && changes.every(({ direction }) => direction === "tighter")
  );
}

/** A halt that is written by somebody who may not stop that much waits for one who may, by the base's word. */
function byHalts({ before, after, touches, proposers }: NeedsRequest): readonly ApprovalNeed[] {
  return touches.filter(isRecordOfHalt).flatMap(({ path }) => {
    const halt = after.halts.get(path.slice(haltsFolder.length).replace(/\.yaml$/, ""))?.document?.spec;
    if (halt === undefined) return [];
    const { environment } = halt.scope;
    const operators = operatorsOf(before.teams?.document, environment);
    if (operators === undefined) return [];
    const [verb, target] = [halt.verb, targetOf(halt.scope)];
    if (proposers.every(({ name }) => groupsFor(operators, { by: name, verb, target }).length > 0)) return [];
    const allowed = groupsFor(operators, { verb, target });
    const need: ApprovalNeed = {
      approvals: 1,
      group: allowed.length === 1 ? allowed[0]?.group : undefined,
      members: [...new Set(allowed.flatMap(({ members }) => members))],
      reasons: [`${verb} of ${formatTarget(target)}`],
      environments: [environment],
      embedded: isEmbedded(before, after, [environment]),
    };
    return [need];
  });
}

/** Who owns the tool's files, and who is in their group, is changed with those owners' approval: else one asks oneself next time. */
function byOwners({ before, after, touches }: NeedsRequest): readonly ApprovalNeed[] {
  const teams = before.teams?.document;
  const changes = touches.filter(({ path }) => path === teamsFile).flatMap((touch) => touch.changes);
  const loose = new Set(changes.filter(({ direction }) => direction !== "tighter").map(({ field }) => field));
  if (teams === undefined || loose.size === 0) return [];
  const anyOwner = [...loose].some((field) => field.startsWith("owners "));
  return (teams.spec.owners ?? []).flatMap(({ group, count = ownersDefault }) => {
    if (!anyOwner && !loose.has(`groups.${group}`) && !loose.has(`teams.${group}.members`)) return [];
    const environments = [...before.environments.keys()].sort();
    const need: ApprovalNeed = {
      ...{ approvals: count, group, members: membersOf(teams.spec, group) ?? [] },
      reasons: [`changes who ${anyOwner ? "owns files of the tool" : `is in ${group}, which owns files of the tool`}`],
      ...{ environments, embedded: isEmbedded(before, after, environments) },
    };
    return [need];
  });
}

/** Environments ask by the base's word, a new one by its own; one that will ask for more is asked for more now. */
function byEnvironment(before: Policies, after: Policies, touches: readonly Touch[]): readonly ApprovalNeed[] {
  const asking = touches.filter((touch) => !isRecordOfHalt(touch));
  const reached = [...new Set(asking.flatMap(({ environments }) => environments))].sort();
  return reached.flatMap((name) => {
    const asked = [before, after].map(({ environments }) => environments.get(name)?.document?.spec.approvals ?? 0);
    const approvals = Math.max(...asked);
    if (approvals === 0) return [];
    const need = { approvals, group: undefined, members: undefined, reasons: [`reaches ${name}`] };
    return [{ ...need, environments: [name], embedded: isEmbedded(before, after, [name]) }];
  });
}

function byFolder(teams: Policies["teams"], { before, after, touches }: NeedsRequest): readonly ApprovalNeed[] {
  const spec = teams?.document?.spec;
  return (spec?.approvals ?? []).flatMap((rule) => {
    const environments = triggered(rule, touches);
    if (environments === undefined) return [];
    const reason = `${rule.direction === "looser" ? "loosens" : "touches"} ${rule.folder}`;
    const members = (spec && membersOf(spec, rule.group)) ?? [];
    const embedded = isEmbedded(before, after, environments);
    return [{ approvals: rule.count, group: rule.group, members, reasons: [reason], environments, embedded }];
  });
}

/** The environments for which a rule is asked; `undefined` if it is not. */
function triggered(rule: ApprovalRule, touches: readonly Touch[]): readonly string[] | undefined {
  const reached = new Set<string>();
  let asked = false;
  for (const { path, environments, changes } of touches) {
    // Only a rule that is about halts is asked for the record of one.
    if (isRecordOfHalt({ path, environments, changes }) && !rule.folder.startsWith(haltsFolder)) continue;
    if (path !== rule.folder && !(rule.folder.endsWith("/") && path.startsWith(rule.folder))) continue;
    const own = environments.filter((name) => rule.environments?.includes(name) !== false);
    if (rule.environments !== undefined && own.length === 0) continue;
    const loosens = changes.some(
      ({ direction, environments: where }) =>
        direction !== "tighter" &&
        (rule.environments === undefined || where === undefined || where.some((name) => own.includes(name))),
    );
    if (rule.direction === "looser" && !loosens) continue;
    asked = true;
    for (const name of own) reached.add(name);
  }
  return asked ? [...reached].sort() : undefined;
}

/** Whoever answers for a rule may let a proposal pass that breaks it. */
function byRules(before: Policies, after: Policies, findings: readonly Finding[]): readonly ApprovalNeed[] {
  return findings.flatMap(({ approvalOf, rule, environment }) => {
    if (approvalOf === undefined) return [];
    const group = approvalOf.replace(/^@/, "");
    // A proposal cannot say who is in a group that asks already; a rule that it brings along may be of a group that it brings along.
    const isNew = rule !== undefined && !before.rules.has(rule);
    const [own, theirs] = [before.teams?.document?.spec, after.teams?.document?.spec];
    const members = (own && membersOf(own, group)) ?? (isNew && theirs ? membersOf(theirs, group) : undefined);
    const environments = environment === undefined ? [...before.environments.keys()].sort() : [environment];
    const need: ApprovalNeed = {
      approvals: 1,
      group: members === undefined ? undefined : group,
      members: members ?? [group],
      reasons: [rule === undefined ? "mends what it breaks" : `breaks ${rule}`],
      environments,
      embedded: isEmbedded(before, after, environments),
    };
    return [need];
  });
}

/** Whether all of them take identities that nobody verified, by the base's word; without any, all that there are. */
export function isEmbedded(before: Policies, after: Policies, names: readonly string[]): boolean {
  const asked = names.length > 0 ? names : [...before.environments.keys()];
  const specs = asked.map((name) => (before.environments.get(name) ?? after.environments.get(name))?.document?.spec);
  return specs.length > 0 && specs.every((spec) => spec?.embedded === true);
}

/** Whether whoever meets `known` has met `need`. */
function covers(known: ApprovalNeed, need: ApprovalNeed): boolean {
  return (
    known.group === need.group &&
    known.approvals >= need.approvals &&
    known.members?.every((member) => need.members?.includes(member)) === true &&
    (!known.embedded || need.embedded)
  );
}

/** One need a group (and a person, and an environment that asks anyone): the most that is asked, with every reason. */
export function merged(needs: readonly ApprovalNeed[]): readonly ApprovalNeed[] {
  const found = new Map<string, ApprovalNeed>();
  for (const need of needs) {
    const { group, members } = need;
    const key = JSON.stringify([group, members, members === undefined ? need.environments : []]);
    const known = found.get(key);
    if (known === undefined) {
      found.set(key, need);
      continue;
    }
    found.set(key, {
      ...known,
      approvals: Math.max(known.approvals, need.approvals),
      reasons: [...new Set([...known.reasons, ...need.reasons])],
      environments: [...new Set([...known.environments, ...need.environments])].sort(),
      embedded: known.embedded && need.embedded,
    });
  }
  return [...found.values()];
}
