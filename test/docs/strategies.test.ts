import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createPlayground, type Playground } from "../cli/cli.ts";
import { takeStep, titleOf, walkThrough } from "./transcript.ts";

const steps = walkThrough("strategies.md");
let playground: Playground;
beforeAll(() => {
  playground = createPlayground();
});
afterAll(async () => {
  const pid = upPid();
  if (pid !== undefined) await end(pid);
  playground.remove();
});

/** Of the `slipway up` that the guide starts. */
function upPid(): number | undefined {
  try {
    return Number(readFileSync(join(playground.repository, "up.pid"), "utf8"));
  } catch {
    return undefined;
  }
}

/** What it printed, for who reads of a step that failed. */
function upLog(): string {
  try {
    return readFileSync(join(playground.repository, "up.log"), "utf8");
  } catch {
    return "nothing yet";
  }
}

async function end(pid: number): Promise<void> {
  const signal = (name: NodeJS.Signals | 0): boolean => {
    try {
      return process.kill(pid, name);
    } catch {
      return false;
    }
  };
  signal("SIGTERM");
  for (let tries = 0; tries < 400 && signal(0); tries += 1) await new Promise((resolve) => setTimeout(resolve, 100));
}

/** Later steps need the earlier ones: they run in order, and the first that fails tells. */
describe("docs/strategies.md does what it shows", () => {
  test("and there is something to run", () => expect(steps.length).toBeGreaterThan(20));

  test.each(steps.map((step) => [titleOf(step), step] as const))("%s", { timeout: 150_000 }, async (_title, step) => {
    await takeStep(playground, step).catch((cause: unknown) => {
      const said = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`${said}\nslipway up said:\n${upLog()}`, { cause });
    });
  });
});
