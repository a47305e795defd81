import type { StrategyId } from "#core/identity.ts";
import type { JsonObject, JsonValue } from "#core/json.ts";
import { type Finding, findingText, formatPlace } from "#core/refusal.ts";
import { Fault } from "#core/result.ts";
import { strategiesOf } from "#delivery/names.ts";
import { createPastGateWatch, describePastGate, type PastGate } from "#delivery/past-gate.ts";
import { readRenderer } from "#delivery/renderer.ts";
import { type SkippedCommit, skippedCommits } from "#delivery/skipped.ts";
import { subjectOf } from "#delivery/trailers.ts";
import type { Repository } from "#git/port.ts";
import { findingsJson } from "./context.ts";
import { count, formatTime } from "./output.ts";
import type { Site } from "./site.ts";
import { oneLine } from "./up/table.ts";

/** Why an environment's branch is not what main says. */
export interface Standstill {
  /** Commits that came past the gate. */
  readonly skipped: readonly SkippedCommit[];
  /** Why nothing is rendered at all. */
  readonly fault: string | undefined;
}

export async function readStandstill(repository: Repository, environment: string): Promise<Standstill> {
  try {
    const renderer = await readRenderer();
    return { skipped: await skippedCommits({ repository, environment, renderer }), fault: undefined };
  } catch (error) {
    if (!(error instanceof Fault) || !["main-rewritten", "branch-edited"].includes(error.code)) throw error;
    return { skipped: [], fault: error.message };
  }
}

/** What of it concerns one strategy: what stands in its folder, in the policies, or anywhere that nobody knows. */
export function concerning({ skipped, fault }: Standstill, strategy: StrategyId): Standstill {
  const isAbout = ({ place }: Finding): boolean =>
    place === undefined || place.file.startsWith("policies/") || strategiesOf([place.file]).includes(strategy);
  return { skipped: skipped.filter(({ findings }) => findings.some(isAbout)), fault };
}

/** Which commit, by whom, everything against it, and what to do. */
export function describeStandstill({ skipped, fault }: Standstill): readonly string[] {
  const lines = skipped.flatMap(describe);
  return fault === undefined ? lines : [...lines, `  ! nothing is rendered: ${fault}`];
}

function describe({ environment, commit, findings }: SkippedCommit): readonly string[] {
  const { sha, author, committer } = commit;
  const errors = findings.filter(({ severity }) => severity === "error");
  const what = `${sha.slice(0, 7)} by ${author.name}, ${formatTime(committer.timeSeconds)} (${oneLine(subjectOf(commit))})`;
  return [
    `  ! ${what} came to main past the gate and is not rendered to ${environment}: ${count(errors.length, "error")}; what ran before goes on`,
    ...errors.map((finding) => `      ${where(finding)}${findingText(finding)}`),
    `      → ${mend(errors)}`,
  ];
}

function where({ place }: Finding): string {
  return place === undefined ? "" : `${formatPlace(place)} `;
}

/** A proposal of the mended folder is judged on its merge result, so it passes; taking the commit back is a proposal, too. */
function mend(errors: readonly Finding[]): string {
  const [only, ...others] = strategiesOf(errors.flatMap(({ place }) => place?.file ?? []));
  const policies = errors.some(({ place }) => place?.file.startsWith("policies/") === true);
  const deploy = only === undefined ? "slipway deploy" : `slipway deploy ${[only, ...others].join(" ")}`;
  return `propose it as it should be: ${deploy}${policies ? " --policies" : ""} --merge`;
}

/** Files of the tool that came past the gate. A forge that does not answer keeps nobody from the rest. */
export async function readPastGate(
  { repository, forge }: Pick<Site, "repository" | "forge">,
  now: () => number,
): Promise<readonly PastGate[] | Fault> {
  try {
    return await createPastGateWatch({ repository, forge, clock: now }).current();
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
}

export function describePastGates(found: readonly PastGate[] | Fault): readonly string[] {
  if (found instanceof Fault) return [`  ! not known whether anything came to main past the gate: ${found.message}`];
  return found.flatMap((one) => {
    const [what, mend] = describePastGate(one);
    return [`  ! ${oneLine(what)}`, `      → ${mend}`];
  });
}

/** Keys are API. Null: the forge did not say. */
export function pastGateJson(found: readonly PastGate[] | Fault): JsonValue {
  if (found instanceof Fault) return null;
  return found.map(({ commit, files }) => ({
    commit: commit.sha,
    author: commit.author.name,
    committer: commit.committer.name,
    title: subjectOf(commit),
    timeSeconds: commit.committer.timeSeconds,
    files: [...files],
  }));
}

/** Keys are API. */
export function standstillJson({ skipped, fault }: Standstill): JsonObject {
  return {
    skipped: skipped.map(
      ({ environment, commit, findings }): JsonValue => ({
        environment,
        commit: commit.sha,
        author: commit.author.name,
        title: subjectOf(commit),
        timeSeconds: commit.committer.timeSeconds,
        findings: findingsJson(findings),
      }),
    ),
    renderFault: fault ?? null,
  };
}
