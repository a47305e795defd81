import type { CommitSha } from "#git/port.ts";
import { type Fields, fields, integer } from "../fields.ts";
import type { ForgeApi } from "../remote/api.ts";
import { read } from "../remote/read.ts";
import type { GithubOptions } from "./api.ts";
import { ask } from "./faults.ts";

/** As many as GitHub takes with one request. */
const annotationsMax = 50;
const conclusions = { success: "success", failure: "failure", error: "failure", pending: "neutral" } as const;

/** Findings beside the lines of a pull request's files: a check run, which only an App with `checks: write` has. Without that nothing is written. */
export async function writeCheck(
  { kit, owner, name: repo }: GithubOptions,
  commit: CommitSha,
  { name, state, description, annotations }: Parameters<NonNullable<ForgeApi["writeCheck"]>>[1],
): Promise<void> {
  const at = { owner, repo };
  const more =
    annotations.length > annotationsMax ? `; ${annotations.length - annotationsMax} more in the comment` : "";
  const output = {
    title: description,
    summary: `${description}${more}`,
    annotations: annotations.slice(0, annotationsMax).map(({ path, line, severity, message }) => ({
      ...{ path, message, start_line: line, end_line: line },
      annotation_level: severity === "error" ? ("failure" as const) : ("warning" as const),
    })),
  };
  const wanted = { name, status: "completed" as const, conclusion: conclusions[state], output };
  const where = "GET check-runs";
  const found = await ask(
    where,
    () => kit.rest.checks.listForRef({ ...at, ref: commit, check_name: name }),
    [403, 404],
  );
  if (!("value" in found)) return;
  const known = read(where, found.value.data, ({ check_runs: runs }) => (Array.isArray(runs) ? runs : []));
  const [run] = known.map((each) => fields(each, "a check run"));
  // Annotations of a check run add up: one that says something else is a new one, and GitHub shows the newest.
  if (run !== undefined && isSaid(run, wanted.conclusion, output)) return;
  await ask("POST check-runs", () => kit.rest.checks.create({ ...at, head_sha: commit, ...wanted }), [403, 404]);
}

function isSaid(
  run: Fields,
  conclusion: string,
  { summary, annotations }: { readonly summary: string; readonly annotations: readonly object[] },
): boolean {
  const output = fields(run["output"], "output");
  return (
    run["conclusion"] === conclusion &&
    output["summary"] === summary &&
    integer(output, "annotations_count") === annotations.length
  );
}
