import { formatTarget, type Halt, type HaltTarget, haltsIn, haltText } from "#core/halt.ts";
import { err, type Result } from "#core/result.ts";
import type { Forge, Proposal } from "#forge/port.ts";
import { branchRef } from "#git/names.ts";
import type { RefName } from "#git/port.ts";
import { readFleet } from "./fleet.ts";
import { createMemo } from "./memo.ts";
import { type OpenedChange, openChange, type ProposalRefusal, type ProposeContext, readMain } from "./open-change.ts";
import { readCommit, type SourceTree } from "./tree.ts";

// A halt acts before Git knows of it. What is proposed here makes Git say what the gateway does already, and only that.

const folder = "policies/halts";

export interface RecordHaltRequest extends ProposeContext {
  readonly environment: string;
  /** As the gateway acknowledged it: whoever records it writes the same bytes. */
  readonly halt: Halt;
}

/** Proposes the file that keeps a halt. Said again, by whomever, it is one proposal; `nothing-to-deploy` when main has it. */
export async function proposeHalt(request: RecordHaltRequest): Promise<Result<OpenedChange, ProposalRefusal>> {
  const { repository, environment, halt } = request;
  const main = await readMain(repository);
  if (!main.ok) return main;
  const before = await haltsOf(request, main.value.sha);
  const path = `${folder}/${halt.id}.yaml`;
  const file = { mode: "100644", bytes: new TextEncoder().encode(haltText(halt, environment)) } as const;
  return openChange(request, {
    main: main.value,
    branch: haltBranch(halt),
    folders: [folder],
    after: before.has(path) ? before : new Map([...before, [path, file]]),
    title: `${halt.verb} ${formatTarget(halt.target)} in ${environment}`,
    description: `${halt.by}: ${halt.reason}`,
    nothing: `${path} is on main already`,
    findings: [],
  });
}

/** The proposal by which a halt came to main, whoever made it; undefined: it came by another way, or is not there. */
export async function recordOf(forge: Forge, halt: Pick<Halt, "id">): Promise<Proposal | undefined> {
  return (await forge.list({ state: "merged", branch: haltBranch(halt) })).at(-1);
}

function haltBranch({ id }: Pick<Halt, "id">): RefName {
  return branchRef(`slipway/halt/${id}`);
}

export interface ResumeRequest extends ProposeContext {
  readonly environment: string;
  readonly target: HaltTarget;
}

/** Proposes that the files of all halts of exactly this target go. */
export async function proposeResume(request: ResumeRequest): Promise<Result<OpenedChange, ProposalRefusal>> {
  const { repository, environment, target } = request;
  const main = await readMain(repository);
  if (!main.ok) return main;
  const before = await haltsOf(request, main.value.sha);
  const all = haltsIn(readFleet(before, request.memo ?? createMemo()).policies.halts, environment);
  const own = all.filter((halt) => halt.target === target);
  if (own.length === 0) {
    const others = [...new Set(all.map((halt) => formatTarget(halt.target)))];
    return err({
      code: "halt-missing",
      message: `${formatTarget(target)} is not halted in ${environment} on main${others.length === 0 ? "; nothing is" : `; halted are ${others.join(", ")}`}`,
      fix: others.length === 0 ? "slipway status shows why a strategy stands still" : `slipway resume ${others[0]}`,
      findings: [],
    });
  }
  const gone = new Set(own.map(({ id }) => `${folder}/${id}.yaml`));
  return openChange(request, {
    main: main.value,
    branch: resumeBranch(environment, target),
    folders: [folder],
    after: new Map([...before].filter(([path]) => !gone.has(path))),
    title: `resume ${formatTarget(target)} in ${environment}`,
    description: own.map(({ id, verb, by, reason }) => `- ${id}: ${verb} by ${by}: ${reason}`).join("\n"),
    nothing: `${formatTarget(target)} is not halted in ${environment} on main`,
    findings: [],
  });
}

/** Git keeps a branch as a file, so that no name of one may be a folder of another: the team `odx` and the strategy `odx/none`. */
function resumeBranch(environment: string, target: HaltTarget): RefName {
  const branch = target === "all" || !target.includes("/") ? formatTarget(target) : `strategy/${target}`;
  return branchRef(`slipway/resume/${environment}/${branch}`);
}

async function haltsOf({ repository }: ProposeContext, main: Parameters<typeof readCommit>[1]): Promise<SourceTree> {
  const files = await readCommit(repository, main, { code: () => false });
  return new Map([...files].filter(([path]) => path.startsWith(`${folder}/`)));
}

/** Who a halt was by, as a commit can say it; nothing verifies it. */
export function authorOf(by: string): { readonly name: string; readonly email: string } {
  const name =
    by
      .replace(/[<>\n\r]/g, "")
      .trim()
      .slice(0, 100) || "an operator";
  return { name, email: `${name.replace(/[^A-Za-z0-9._-]+/g, "-")}@localhost` };
}
