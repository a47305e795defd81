import type { Finding } from "#core/refusal.ts";

// A short list of what has cost other people their secrets, for whoever approves a workflow. No linter: actionlint and zizmor know far more.

interface Pattern {
  readonly code: string;
  readonly found: RegExp;
  readonly message: string;
}

const patterns: readonly Pattern[] = [
  {
    code: "workflow-target",
    found: /\bpull_request_target\b/,
    message: "pull_request_target runs with the repository's secrets, for whatever a stranger proposes",
  },
  {
    code: "workflow-after",
    found: /\bworkflow_run\b/,
    message: "workflow_run runs with the repository's secrets, after a run that a stranger's proposal may have made",
  },
  {
    code: "workflow-comment",
    found: /\bissue_comment\b/,
    message: "issue_comment runs with the repository's secrets, whoever writes the comment",
  },
  {
    code: "workflow-writes",
    found: /\bwrite-all\b|^\s*[a-z-]+["']?\s*:\s*["']?write\b|[{,]\s*[a-z-]+\s*:\s*["']?write\b/,
    message: "its token may write",
  },
  {
    code: "workflow-identity",
    found: /\bid-token["']?\s*:/,
    message: "it gets a token that other services take for this repository",
  },
  { code: "workflow-secret", found: /\bsecrets\b\s*(?:\.|\[|:)/, message: "it is given a secret" },
  {
    code: "workflow-environment",
    found: /^\s*environment\s*:/,
    message: "it uses an environment and the secrets that the environment holds",
  },
  {
    code: "workflow-injection",
    found: /\$\{\{[^}]*\bgithub\s*\.\s*(?:event\b|head_ref\b|actor\b|triggering_actor\b)/,
    message: "text that others write is put into it; in a run: step that is code",
  },
  {
    code: "workflow-unpinned",
    found:
      /^\s*(?:-\s*)?["']?uses["']?\s*:\s*["']?(?!\.\/)(?![^\s"'#]+@[0-9a-f]{40}(?:[\s"'#]|$))(?!docker:\/\/[^\s"'#]+@sha256:)\S/,
    message: "an action by a name that can be moved; pin it by its commit",
  },
  {
    code: "workflow-self-hosted",
    found: /\bself-hosted\b/,
    message: "it runs on a machine of yours, and what it leaves there stays",
  },
  {
    code: "workflow-pipe",
    found: /\b(?:curl|wget)\b[^\n|]*\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b/,
    message: "it runs what a server answers",
  },
];

const linesMax = 20_000;
/** A longer line is not looked through: nobody reads it either. */
const lineMax = 2_000;

/** What of the lines that come into a workflow deserves a second look. A line that was there, wherever it stood, is not told of again. */
export function workflowWarnings(file: string, before: string, after: string): readonly Finding[] {
  const known = new Set(before.split("\n"));
  const lines = after.split("\n");
  const findings: Finding[] = [];
  const warn = (index: number, code: string, message: string): void => {
    findings.push({ code, severity: "warning", message, place: { file, line: index + 1 } });
  };
  for (const [index, line] of lines.slice(0, linesMax).entries()) {
    if (known.has(line)) continue;
    if (line.length > lineMax) {
      warn(index, "workflow-long", `a line of ${line.length} characters, which was not looked through`);
      continue;
    }
    // A forge fills in an expression in a shell's comment, too.
    const comment = /^\s*#/.test(line);
    for (const { code, found, message } of patterns)
      if (found.test(line) && (!comment || code === "workflow-injection")) warn(index, code, message);
  }
  if (lines.length > linesMax)
    warn(linesMax, "workflow-long", `${lines.length} lines, of which only ${linesMax} were looked through`);
  return findings;
}
