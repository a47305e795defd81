import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createPlayground, type Playground } from "../cli/cli.ts";
import { expectedCode, matches, readSteps, runShell, type Step } from "./transcript.ts";

const guide = readFileSync(new URL("../../docs/policies.md", import.meta.url), "utf8");
const steps = readSteps(guide);

let playground: Playground;
beforeAll(() => {
  playground = createPlayground();
});
afterAll(() => playground.remove());

/** Later steps need the earlier ones: they run in order, and the first that fails tells. */
describe("docs/policies.md does what it shows", () => {
  test("and there is something to run", () => expect(steps.length).toBeGreaterThan(10));

  test.each(steps.map((step): [string, Step] => [`line ${step.line}: ${titleOf(step)}`, step]))(
    "%s",
    { timeout: 120_000 },
    async (_title, step) => {
      if (step.kind === "edit") {
        execFileSync("git", ["apply", "-"], { cwd: playground.repository, input: step.patch });
        return;
      }
      const { code, output } = await runShell(playground, step.command);
      const shown = `${step.expected.join("\n")}\n`;
      if (matches(step.expected, output)) expect(code).toBe(expectedCode(step.expected));
      else expect(output).toBe(shown);
    },
  );
});

function titleOf(step: Step): string {
  if (step.kind === "edit") return /^\+\+\+ b\/(.*)$/m.exec(step.patch)?.[1] ?? "edit";
  return step.command.split("\n")[0] ?? "";
}
