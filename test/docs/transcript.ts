import { execFile, execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { type Playground, root } from "../cli/cli.ts";

// A guide's ```console blocks are run as they stand: `$ ` begins a command, `> ` goes on with it, the other lines are what it prints. In these `…`
// stands for any text, and a line that is only `…` for any lines. ```diff blocks are applied to the folder. What stands in ```console cluster asks
// an API server of Kubernetes.

export type Step =
  | {
      readonly kind: "command";
      readonly line: number;
      readonly command: string;
      readonly expected: readonly string[];
      /** Whether it needs an API server that has what is rendered so far. */
      readonly cluster: boolean;
    }
  | { readonly kind: "edit"; readonly line: number; readonly patch: string };

type Command = Extract<Step, { readonly kind: "command" }>;

/** The steps of a guide below docs/. */
export function walkThrough(guide: string): readonly Step[] {
  return readSteps(readFileSync(join(root, "docs", guide), "utf8"));
}

export function titleOf(step: Step): string {
  const what = step.kind === "edit" ? /^\+\+\+ b\/(.*)$/m.exec(step.patch)?.[1] : step.command.split("\n")[0];
  return `line ${step.line}: ${what ?? step.kind}`;
}

/** Takes a step in the playground's repository, and expects of a command what the guide shows. */
export async function takeStep(playground: Playground, step: Step, variables: NodeJS.ProcessEnv = {}): Promise<void> {
  if (step.kind === "edit") {
    execFileSync("git", ["apply", "-"], { cwd: playground.repository, input: step.patch });
    return;
  }
  const { code, output } = await runShell(playground, step.command, variables);
  if (matches(step.expected, output)) expect(code).toBe(expectedCode(step.expected));
  else expect(output).toBe(`${step.expected.join("\n")}\n`);
}

/** The steps of a Markdown text in their order; a `# exit N` line below a command's output says its exit code. */
function readSteps(markdown: string): readonly Step[] {
  const steps: Step[] = [];
  const lines = markdown.split("\n");
  for (let at = 0; at < lines.length; at += 1) {
    const fence = /^```(console|console cluster|diff)$/.exec(lines[at] ?? "")?.[1];
    if (fence === undefined) continue;
    const end = lines.indexOf("```", at + 1);
    const block = lines.slice(at + 1, end);
    if (fence === "diff") steps.push({ kind: "edit", line: at + 1, patch: `${block.join("\n")}\n` });
    else steps.push(...commandsOf(block, at + 2, fence === "console cluster"));
    at = end;
  }
  return steps;
}

function commandsOf(block: readonly string[], firstLine: number, cluster: boolean): readonly Command[] {
  const steps: (Omit<Command, "command" | "expected"> & { command: string; expected: string[] })[] = [];
  for (const [index, text] of block.entries()) {
    const last = steps.at(-1);
    if (text.startsWith("$ "))
      steps.push({ kind: "command", line: firstLine + index, command: text.slice(2), expected: [], cluster });
    else if (last === undefined) throw new Error(`line ${firstLine + index}: output before the first command`);
    else if (text.startsWith("> ") && last.expected.length === 0) last.command += `\n${text.slice(2)}`;
    else last.expected.push(text);
  }
  return steps;
}

interface Ran {
  readonly code: number;
  readonly output: string;
}

/**
 * Runs a command in the playground's repository as a person's shell would, with `slipway` on the path; both streams in one.
 *
 * @param more variables beside those of every shell here; programs of its `PATH` come before the machine's
 */
async function runShell(playground: Playground, command: string, more: NodeJS.ProcessEnv = {}): Promise<Ran> {
  const bin = join(playground.folder, "bin");
  mkdirSync(bin, { recursive: true });
  const script = `#!/bin/sh\nexec '${process.execPath}' '${join(root, "src/cli/main.ts")}' "$@"\n`;
  const launcher = join(bin, "slipway");
  // Once: what an earlier step has put into the background may be reading it.
  if (!existsSync(launcher)) writeFileSync(launcher, script, { mode: 0o755 });
  const path = [bin, more["PATH"], process.env["PATH"]].filter((part) => part !== undefined).join(":");
  const environment = {
    ...more,
    PATH: path,
    HOME: playground.folder,
    SLIPWAY_STATE: playground.state,
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_AUTHOR_NAME: "erin",
    NO_COLOR: "1",
    TZ: "UTC",
  };
  return new Promise((resolve, reject) => {
    const options = { cwd: playground.repository, env: environment, timeout: 120_000, maxBuffer: 16 * 1024 ** 2 };
    execFile("bash", ["-c", `exec 2>&1\n${command}`], options, (error, output) => {
      if (error !== null && typeof error.code !== "number") reject(error);
      else resolve({ code: error === null ? 0 : Number(error.code), output });
    });
  });
}

/** Whether an output is what the guide shows. */
function matches(expected: readonly string[], output: string): boolean {
  const lines = expected.filter((line) => !/^# exit [0-9]+$/.test(line));
  const parts = lines.map((line) =>
    line === "…" ? "(?:.*\n)*?" : `${line.split("…").map(escapePattern).join(".*")}[ ]*\n`,
  );
  return new RegExp(`^${parts.join("")}$`).test(output.endsWith("\n") || output === "" ? output : `${output}\n`);
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** The exit code that the guide shows; 0 if it shows none. */
function expectedCode(expected: readonly string[]): number {
  return Number(expected.map((line) => /^# exit ([0-9]+)$/.exec(line)?.[1]).find((code) => code !== undefined) ?? 0);
}
