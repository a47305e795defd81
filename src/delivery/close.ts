import { isSame, loginKey, type Person } from "#core/person.ts";
import type { Finding } from "#core/refusal.ts";
import { err, ok, type Result } from "#core/result.ts";
import { parseTeams, type TeamsDocument, teamsFile } from "#core/teams.ts";
import type { Forge, ForgeRefusal, Proposal } from "#forge/port.ts";
import type { Repository } from "#git/port.ts";
import { proposersOf } from "./approvals.ts";
import { treePath } from "./names.ts";
import { commitsOf } from "./proposal-rules.ts";
import { readableChanges } from "./readable-changes.ts";

export interface CloseRequest {
  readonly repository: Repository;
  readonly forge: Forge;
  readonly number: number;
  /** Counts where the forge does not know its users itself. */
  readonly by: { readonly name: string; readonly email: string };
  /** One line; whoever did not propose it has to give one. */
  readonly reason: string;
}

export interface CloseRefusal {
  readonly code: "reason-missing" | "close-forbidden" | "forge-refused";
  readonly message: string;
  readonly fix: string;
  readonly findings: readonly Finding[];
  readonly refusal?: ForgeRefusal;
}

/**
 * Gives a proposal up: whoever proposed it may, and whoever answers for what it touches by the policies of its target. Its content stays on its
 * branch. Closing a closed one answers with it.
 */
export async function closeProposal(request: CloseRequest): Promise<Result<Proposal, CloseRefusal>> {
  const { repository, forge, number, reason } = request;
  const found = await forge.get(number);
  if (!found.ok) return err(forgeRefused(found.error));
  const proposal = found.value;
  // What Git is told of someone's name says nothing where the forge knows who it is.
  const by = (await forge.caller?.()) ?? request.by;
  if (proposal.state === "closed") return ok(proposal);
  if (proposal.state === "merged")
    return err(forgeRefused({ code: "proposal-not-open", number, state: proposal.state }));
  if (!(await isProposer(repository, proposal, by))) {
    const answerable = await answerableFor(repository, proposal);
    if (answerable?.includes(loginKey(by.name)) === false) return err(forbidden(proposal, by.name, answerable));
    if (reason.trim() === "") return err(reasonMissing(proposal));
  }
  const closed = await forge.close(number, { by: request.by, reason });
  return closed.ok ? closed : err(forgeRefused(closed.error));
}

async function isProposer(repository: Repository, proposal: Proposal, by: Person): Promise<boolean> {
  const base = await repository.resolve(proposal.target);
  const { commits } = base === undefined ? { commits: [] } : await commitsOf(repository, { base, head: proposal.head });
  return proposersOf(proposal, commits).some((proposer) => isSame(proposer, by));
}

/**
 * Who answers for what a proposal touches, as `loginKey` has them: the members of the teams whose strategies it changes, and for policies everyone
 * in a group. Undefined: anyone, where the policies name nobody for it.
 */
async function answerableFor(
  repository: Repository,
  { target, head }: Proposal,
): Promise<readonly string[] | undefined> {
  const base = await repository.resolve(target);
  if (base === undefined) return undefined;
  const [bytes] = await repository.readPaths([{ tree: base, path: treePath(teamsFile) }]);
  const spec = bytes === undefined ? undefined : parseTeams(teamsFile, new TextDecoder().decode(bytes)).document?.spec;
  if (spec === undefined) return undefined;
  const from = (await repository.mergeBase(base, head)) ?? base;
  const touched = (await readableChanges(repository, from, head))?.map(({ path }) => path);
  // Of what cannot be read, those who answer for the policies decide.
  const named = [...new Set((touched ?? ["policies"]).map((path) => membersFor(spec, path)))];
  if (named.includes(undefined)) return undefined;
  return [...new Set(named.flatMap((members) => members ?? []).map(loginKey))].sort();
}

function membersFor(spec: TeamsDocument["spec"], path: string): readonly string[] | undefined {
  const [root, team = ""] = path.split("/");
  if (root === "strategies") return Object.hasOwn(spec.teams, team) ? spec.teams[team]?.members : undefined;
  const everyone = Object.values(spec.groups ?? {}).flat();
  return everyone.length === 0 ? undefined : everyone;
}

function forbidden({ number, author }: Proposal, by: string, answerable: readonly string[]): CloseRefusal {
  return {
    code: "close-forbidden",
    message: `proposal #${number} is by ${author}, and ${by} does not answer for what it touches: by ${teamsFile} ${answerable.join(", ") || "nobody"} do`,
    fix: `ask ${author}, or one of them`,
    findings: [],
  };
}

function reasonMissing({ number, author }: Proposal): CloseRefusal {
  return {
    code: "reason-missing",
    message: `proposal #${number} is by ${author}, who will want to know why it was closed`,
    fix: `say it: slipway close ${number} --reason "…"`,
    findings: [],
  };
}

function forgeRefused(refusal: ForgeRefusal): CloseRefusal {
  return {
    code: "forge-refused",
    message: `the forge refused it: ${refusal.code}`,
    fix: "see slipway proposals",
    findings: [],
    refusal,
  };
}
