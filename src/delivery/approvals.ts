import { slipwayIdentity } from "#core/committer.ts";
import { loginKey, maySame, type Person } from "#core/person.ts";
import type { Policies } from "#core/policies.ts";
import type { Approval, Proposal } from "#forge/port.ts";
import type { Commit } from "#git/port.ts";
import { digest } from "./memo.ts";
import type { ApprovalNeed, Proposer, Verdict } from "./verdict.ts";

/** Why someone's approval counts for nothing. */
export type SetAside =
  /** Given to what the proposal was before. */
  | "dropped"
  | "author"
  /** Their name or address stands on a commit of the proposal. */
  | "pusher"
  /** Nobody asks them. */
  | "outsider";

export interface WeighedNeed {
  readonly need: ApprovalNeed;
  /** Whose approvals count for it. */
  readonly by: readonly string[];
  /** How many more it takes. */
  readonly missing: number;
  /** Members who may approve; `undefined`: anyone but the proposers. */
  readonly candidates: readonly string[] | undefined;
}

/** What the approvals of a proposal amount to. */
export interface WeighedApprovals {
  readonly needs: readonly WeighedNeed[];
  /** Everyone whose approval counts, by name. */
  readonly counted: readonly string[];
  readonly setAside: readonly { readonly by: string; readonly why: SetAside }[];
}

/**
 * Everyone who proposed: the author, and whoever is the author or committer of one of its commits. Commits say about themselves who made them, so
 * one who pushes under a name of nobody is not known by this; a forge that verifies its users knows more.
 */
export function proposersOf(proposal: Proposal, commits: readonly Commit[]): readonly Proposer[] {
  const proposers: Proposer[] = [{ name: proposal.author, email: proposal.authorEmail, as: "author" }];
  for (const { author, committer } of commits) {
    for (const { name, email } of [author, committer]) {
      if (email === slipwayIdentity.email || proposers.some((known) => known.name === name && known.email === email))
        continue;
      proposers.push({ name, email, as: "pusher" });
    }
  }
  return proposers;
}

/** Everyone whom the policies name as a member, as `loginKey` has it. */
export function knownPeople({ teams }: Policies): readonly string[] {
  const spec = teams?.document?.spec;
  const all = [...Object.values(spec?.groups ?? {}), ...Object.values(spec?.teams ?? {}).map(({ members }) => members)];
  return [...new Set(all.flat().map(loginKey))].sort();
}

interface Approver {
  readonly name: string;
  readonly people: readonly Person[];
  readonly groupNames: ReadonlySet<string>;
}

/**
 * Holds the approvals of a proposal against what it needs. One counts when it was given to what the proposal is now, by someone who did not propose it;
 * two by one person are one. Who may be one person is: same name, same address, or names that look alike (`maySame`).
 */
export function weighApprovals(
  verdict: Pick<Verdict, "needs" | "approvalDigest" | "proposers" | "people">,
  approvals: readonly Approval[],
): WeighedApprovals {
  const known = new Set(verdict.people);
  const current = approvals.filter(({ digest: given }) => given === verdict.approvalDigest && given !== "");
  const approvers: Approver[] = [];
  const setAside = new Map<string, SetAside>();
  for (const cluster of clustersOf(current.map(personOf), verdict.proposers, known)) {
    const proposer = cluster.proposers.find(({ as }) => as === "author") ?? cluster.proposers[0];
    // Of two who may be one, the one whom the policies name.
    const first = cluster.people.find(({ name }) => known.has(loginKey(name))) ?? cluster.people[0];
    if (first === undefined) continue;
    if (proposer !== undefined) for (const { name } of cluster.people) setAside.set(name, proposer.as);
    else
      approvers.push({
        name: first.name,
        people: cluster.people,
        groupNames: new Set(cluster.people.map(({ name }) => loginKey(name))),
      });
  }
  const needs = verdict.needs.map((need) => weighNeed(need, approvers, verdict.proposers, known));
  const counted = needs.length === 0 ? approvers.map(({ name }) => name) : [...new Set(needs.flatMap(({ by }) => by))];
  for (const { name } of approvers) if (!counted.includes(name)) setAside.set(name, "outsider");
  for (const { by } of approvals)
    if (!counted.includes(by) && !setAside.has(by) && !current.some((one) => one.by === by))
      setAside.set(by, "dropped");
  return {
    needs,
    counted: [...counted].sort(),
    setAside: [...setAside].map(([by, why]) => ({ by, why })).sort((a, b) => (a.by < b.by ? -1 : 1)),
  };
}

function weighNeed(
  need: ApprovalNeed,
  approvers: readonly Approver[],
  proposers: readonly Proposer[],
  known: ReadonlySet<string>,
): WeighedNeed {
  const members = need.members === undefined ? undefined : new Set(need.members.map(loginKey));
  const by = approvers
    .filter(({ groupNames }) => members === undefined || [...groupNames].some((name) => members.has(name)))
    .map(({ name }) => name);
  const candidates = need.members
    ?.map((name) => name.replace(/^@/, ""))
    .filter((name) => !proposers.some((proposer) => maySame({ name, email: undefined }, proposer, known)));
  return { need, by, missing: Math.max(0, need.approvals - by.length), candidates };
}

function personOf({ by, email }: Approval): Person {
  return { name: by, email };
}

interface Cluster {
  readonly people: Person[];
  readonly proposers: Proposer[];
}

/** Who may be one person is one, and whoever may be the same as that one, too. */
function clustersOf(
  approvers: readonly Person[],
  proposers: readonly Proposer[],
  known: ReadonlySet<string>,
): readonly Cluster[] {
  let clusters: Cluster[] = [];
  const add = (person: Person, as: Cluster): void => {
    const same = clusters.filter(({ people, proposers: own }) =>
      [...people, ...own].some((other) => maySame(person, other, known)),
    );
    const joined: Cluster = {
      people: [...same.flatMap(({ people }) => people), ...as.people],
      proposers: [...same.flatMap(({ proposers: own }) => own), ...as.proposers],
    };
    clusters = [...clusters.filter((cluster) => !same.includes(cluster)), joined];
  };
  for (const proposer of proposers) add(proposer, { people: [], proposers: [proposer] });
  for (const person of approvers) add(person, { people: [person], proposers: [] });
  return clusters;
}

/** The digest of what is approved, as people compare it. */
export function shortDigest(approvalDigest: string): string {
  return approvalDigest.replace(/^sha256:/, "").slice(0, 12);
}

/** Stands in the comment, so that one which tells of other approvals is known for stale. */
export function approvalsMark(approvals: readonly Approval[]): string {
  const all = approvals.map(({ by, email = "", digest: given }) => `${by} ${email} ${given}`).sort();
  return `<!-- approvals ${digest(...all).slice(0, 12)} -->`;
}

/** `1 approval of @momentum-leads (bob, carol)`, `2 approvals of anyone who did not propose it`, `the approval of dave`. */
export function describeAsked({ approvals, group, members }: ApprovalNeed): string {
  const count = `${approvals} approval${approvals === 1 ? "" : "s"}`;
  if (group !== undefined) return `${count} of @${group} (${members?.join(", ") || "nobody"})`;
  return members === undefined ? `${count} of anyone who did not propose it` : `the approval of ${members.join(", ")}`;
}

/** What a need has, and what it waits for: `bob approved`, `none yet`, `none yet, and too few of them are left: …`. */
export function describeHeld({ need, by, missing, candidates }: WeighedNeed): string {
  const held = by.length === 0 ? "none yet" : `${by.join(", ")} approved`;
  if (missing === 0 || candidates === undefined || candidates.length >= need.approvals) return held;
  const left = candidates.length === 0 ? "nobody" : `only ${candidates.join(", ")}`;
  return `${held}, and ${left} of them may: the others proposed it`;
}

const whyText: Readonly<Record<SetAside, string>> = {
  dropped: "was given to other objects, bounds or rules, and is dropped",
  author: "does not count: nobody approves their own",
  pusher: "does not count: that name or address stands on a commit of it",
  outsider: "does not count: nobody asks for it",
};

/** `bob's approval was given to other objects, bounds or rules, and is dropped` */
export function describeSetAside({ by, why }: WeighedApprovals["setAside"][number]): string {
  return `${by}'s approval ${whyText[why]}`;
}
