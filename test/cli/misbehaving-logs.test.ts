import { expect, test, vi } from "vitest";
import { misbehaving, waitMs } from "./misbehaving.ts";

vi.setConfig({ testTimeout: waitMs });

const bad = misbehaving({
  "bad/python-flood": `
import os
class Flood:
    def initialize(self, params, context):
        return ["quotes"]
    def event(self, data, context):
        for line in range(1000):
            print("print", line)
            context.log.info("log " + str(line))
`,
  "bad/flood": `import type { Context, Data } from "slipway/sdk";
declare const console: { log(text: string): void };
export default class Flood {
  initialize() { return ["quotes"]; }
  event(data: Data, context: Context) {
    for (let line = 0; line < 1000; line += 1) {
      console.log("console " + line);
      context.log.info("log " + line);
    }
  }
}
`,
  "bad/flood-raw": `declare const process: { stdout: { write(text: string): void } };
export default class Flood {
  initialize() { return ["quotes"]; }
  warm() {}
  event() { for (let line = 0; line < 3_000; line += 1) process.stdout.write("x".repeat(99) + "\\n"); }
}
`,
});

test.each(["bad/flood", "bad/python-flood", "bad/flood-raw"])(
  "%s: a flood of log lines is cut, counted in the status, and it goes on",
  async (strategy) => {
    const seen = await bad.says(strategy, / {12}\d{4,} log lines dropped since it was started: it may write 50 lines/);
    expect(seen).toContain("running   running since");
    expect((await bad.run("logs", strategy, "-n", "99999")).stdout).toMatch(
      /\d+ (?:more )?(?:console |log )?lines.* dropped|dropped \d+ lines/,
    );
  },
);
