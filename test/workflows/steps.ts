// Runs the `run:` steps of a workflow file in a checkout, one after the other, as a runner of GitHub's does: bash with -e and pipefail, the step's
// environment, `if: always()` after a failure. What an action does is left out (the checkout is there, Node is this one); expressions are looked up in a
// table, and one that is not in it is an error. It is no more than that: GitHub's own runner is not to be had here.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { parse } from "yaml";

interface Step {
  readonly name?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly if?: string;
  readonly env?: Readonly<Record<string, string | number>>;
}

interface Workflow {
  readonly jobs: Readonly<Record<string, { readonly steps: readonly Step[] }>>;
}

export interface RunStep {
  readonly run: string;
  readonly code: number;
  readonly output: string;
}

export interface Checkout {
  readonly folder: string;
  /** Of the runner: `PATH`, `HOME`, `RUNNER_TEMP` … */
  readonly env: Readonly<Record<string, string>>;
  /** What stands between `${{` and `}}`, to what it is. */
  readonly expressions: Readonly<Record<string, string>>;
}

/** The steps that were run; those behind one that failed are not, unless they always are. */
export async function runSteps(file: string, job: string, checkout: Checkout): Promise<readonly RunStep[]> {
  const { jobs } = parse(readFileSync(file, "utf8")) as Workflow;
  const done: RunStep[] = [];
  for (const { run, if: condition, env = {} } of jobs[job]?.steps ?? []) {
    const failed = done.some(({ code }) => code !== 0);
    if (run === undefined || (failed && condition !== "always()")) continue;
    // Where a shell would see it, an expression is somebody else's program.
    if (run.includes("${{")) throw new Error(`an expression inside a script: ${run}`);
    const own = Object.entries(env).map(([name, text]) => [name, evaluate(String(text), checkout.expressions)]);
    done.push(await runOne(run, checkout, Object.fromEntries(own) as Record<string, string>));
  }
  return done;
}

function evaluate(text: string, expressions: Checkout["expressions"]): string {
  return text.replace(/\$\{\{\s*([^}]+?)\s*\}\}/g, (_, name: string) => {
    const value = expressions[name];
    if (value === undefined) throw new Error(`nobody said what ${name} is`);
    return value;
  });
}

function runOne(run: string, { folder, env }: Checkout, own: Readonly<Record<string, string>>): Promise<RunStep> {
  return new Promise((resolve, reject) => {
    const child = spawn("bash", ["--noprofile", "--norc", "-eo", "pipefail", "-c", run], {
      cwd: folder,
      env: { ...env, ...own },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: 120_000,
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
      });
    child.on("error", reject).on("close", (code) => resolve({ run, code: code ?? -1, output }));
  });
}
