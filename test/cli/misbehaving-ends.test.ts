import { expect, test, vi } from "vitest";
import { misbehaving, waitMs } from "./misbehaving.ts";

vi.setConfig({ testTimeout: waitMs });

const bad = misbehaving({
  "bad/python-hog": `
class Hog:
    def initialize(self, params, context):
        self.kept = []
        self.events = 0
        return ["quotes"]
    def warm(self, data, context):
        pass
    def event(self, data, context):
        self.events += 1
        while self.events > 10:
            self.kept.append(bytearray(4 << 20))
`,
  "bad/python-loops": `
class Loops:
    def initialize(self, params, context):
        return ["quotes"]
    def warm(self, data, context):
        pass
    def event(self, data, context):
        self.spin()
    def spin(self):
        while True:
            pass
`,
  "bad/python-stuck": `
class Stuck:
    def initialize(self, params, context):
        while True:
            pass
    def event(self, data, context):
        pass
`,
  "bad/exit": `declare const process: { exit(code: number): never };
export default class Quitter {
  initialize() { return ["quotes"]; }
  warm() {}
  event() { process.exit(0); }
}
`,
  "bad/throws": `import type { Data } from "slipway/sdk";
// One line more than the bundle has.
export default class Thrower {
  initialize() { return ["quotes"]; }
  warm() {}
  event(data: Data) {
    const price: number | undefined = undefined;
    return (price as unknown as string).trim() === data.quote ? [] : undefined;
  }
}
`,
  "bad/loops": `export default class Loops {
  initialize() { for (;;); }
  event() {}
}
`,
  "bad/loops-warm": `export default class Loops {
  initialize() { return ["quotes"]; }
  event() { for (;;); }
}
`,
  "bad/throws-early": `import type { Data } from "slipway/sdk";
export default class Early {
  initialize() { return ["quotes"]; }
  warm(data: Data) { throw new Error("no " + data.sid); }
  event() {}
}
`,
});

test("Python out of memory: the status names the cause and what to do, and it comes back", async () => {
  const seen = await bad.says("bad/python-hog", /→ pod python-hog-0: container algorithm was OOMKilled: .* 64 MiB/);
  expect(seen).toContain(
    "→ use less memory, or raise resources.memory in strategies/bad/python-hog/strategy.yaml, at most to the bound in policies/environments/paper.yaml",
  );
  expect(seen).not.toContain("the algorithm ended");
  await bad.says("bad/python-hog", /last restart .* ago: container algorithm was OOMKilled/);
});

test("a tail of a Python strategy's logs holds the reason, in the order of time", async () => {
  const { stdout } = await bad.run("logs", "bad/python-hog", "-n", "40");
  const lines = stdout.trimEnd().split("\n");
  const times = lines.map((line) => /^(?:executor|algorithm) +(\S+Z) /.exec(line)?.[1]);
  expect(times).toEqual(times.toSorted());
  expect(lines.length).toBeLessThanOrEqual(40);
  const reason = lines.findLastIndex((line) => /^algorithm .*slipway: the container was OOMKilled/.test(line));
  expect(reason).toBeGreaterThanOrEqual(0);
  expect(lines[reason - 1]).toMatch(/^executor /);
});

test.each([
  { strategy: "bad/loops", call: "initialize\\(\\)" },
  { strategy: "bad/loops-warm", call: "event\\(\\), called for warm\\(\\)," },
])("$strategy: a loop at the start is ended after half a minute, and said to be one", async ({ strategy, call }) => {
  const said = `ended with exit code 1: the algorithm's ${call} did not return within 30 s`;
  await bad.says(strategy, new RegExp(`→ pod .*-0: container executor ${said}`));
});

test.each([
  { strategy: "bad/python-loops", said: "event\\(\\) did not return for 5 s; it is at algorithm.py:10, in spin\\(\\)" },
  {
    strategy: "bad/python-stuck",
    said: "initialize\\(\\) did not return for 30 s; it is at algorithm.py:\\d, in initialize\\(\\)",
  },
])("$strategy: a loop in Python is said to be one, with its line", async ({ strategy, said }) => {
  await bad.says(strategy, new RegExp(`→ pod .*-0: container algorithm ended with exit code 1: ${said}`));
});

test.each([
  {
    strategy: "bad/throws",
    failed:
      "the algorithm failed at algorithm.ts:8:41: TypeError: Cannot read properties of undefined \\(reading 'trim'\\)",
    frame: "at Thrower.event (algorithm.ts:8:41)",
  },
  {
    strategy: "bad/throws-early",
    failed: "the algorithm failed at algorithm.ts:4:28 while it was warmed: Error: no [A-Z]+",
    frame: "at Early.warm (algorithm.ts:4:28)",
  },
])("$strategy: status and logs name the author's line", async ({ strategy, failed, frame }) => {
  await bad.says(strategy, new RegExp(`→ pod .*-0: container executor ended with exit code 1: ${failed}`));
  const { stdout } = await bad.run("logs", strategy);
  expect(stdout).toContain(frame);
  expect(stdout).not.toContain("algorithm.mjs");
});

test("an end with exit code 0 is said to be none that an algorithm may make", async () => {
  const seen = await bad.says(
    "bad/exit",
    /→ pod exit-0: container executor ended by itself with exit code 0 \(the algorithm ended the process\); it must keep running until it is stopped/,
  );
  expect(seen).toContain("→ let the algorithm return from its functions instead of ending its process");
  expect(seen).not.toContain("CrashLoopBackOff");
});

test("the server's own output, in a pipe, tells each of it once", () => {
  const lines = bad.output().split("\n");
  const changes = lines.filter((line) => /^ {2}bad\/[a-z-]+: /.test(line));
  expect(changes.filter((line) => /^ {2}bad\/exit: .*ended by itself/.test(line))).toHaveLength(1);
  expect(changes.filter((line) => /^ {2}bad\/python-hog: .*OOMKilled: pod/.test(line))).toHaveLength(1);
  expect(changes.filter((line) => /^ {2}bad\/throws: .*exit code 1: the algorithm failed/.test(line))).toHaveLength(1);
});
