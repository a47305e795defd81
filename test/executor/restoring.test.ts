import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { effective, type Rig, type Running, rigOf, until } from "./rig.ts";

// What becomes of an algorithm's state at a start, in both languages.

async function rig(spec: Parameters<typeof effective>[0] = {}): Promise<Rig> {
  const bench = rigOf(effective(spec));
  return bench.open();
}

interface Sources {
  readonly typescript: string;
  readonly python: string;
}

/** Starts an executor with the algorithm in one of the languages, and its process if it has one. */
type Start = (bench: Rig, sources: Sources) => Promise<Running>;

const languages: readonly (readonly [string, Start, "typescript" | "python"])[] = [
  ["TypeScript", (bench, { typescript }) => bench.spawn(bench.module(typescript)), "typescript"],
  [
    "Python",
    async (bench, { python }) => {
      const bundle = join(bench.folder, "bundle");
      mkdirSync(bundle, { recursive: true });
      writeFileSync(join(bundle, "algorithm.py"), python);
      const { address } = await bench.spawnPython(bundle, "algorithm.py");
      return bench.spawn(address);
    },
    "python",
  ],
];

/** Counts its events, and cannot read what it wrote. */
const forgetful: Sources = {
  typescript: `export default class {
  seen = 0;
  initialize() { return ["quotes"]; }
  event(data, context) { this.seen += 1; context.log.info("seen " + this.seen); }
  snapshot() { return { seen: this.seen }; }
  restore(state) {
    throw new TypeError("no seen in " + Object.keys(state));
  }
}`,
  python: `class A:
    def initialize(self, params):
        self.seen = 0
        return ["quotes"]
    def event(self, data, context):
        self.seen += 1
        context.log.info(f"seen {self.seen}")
    def snapshot(self):
        return {"seen": self.seen}
    def restore(self, state):
        raise TypeError("no seen in " + ",".join(state))
`,
};

const places = { typescript: "algorithm.mjs:7:11", python: "algorithm.py:11" };

async function once(bench: Rig, start: Start, sources: Sources): Promise<void> {
  const first = await start(bench, sources);
  await bench.state("running");
  await bench.say("AAPL", "100");
  await until("it has seen one", () => bench.logs.includes("seen 1"));
  first.child.kill("SIGTERM");
  expect(await first.exited).toBe(0);
  await bench.state("stopped");
}

describe.each(languages)("a restore() that throws, in %s", (_name, start, language) => {
  const failure = `the algorithm failed at ${places[language]} in restore(): TypeError: no seen in seen`;

  test("halt: it does not trade without its state", async () => {
    const bench = await rig();
    await once(bench, start, forgetful);
    const executor = await start(bench, forgetful);
    expect(await executor.exited).toBe(1);
    const { reason } = await bench.state("faulted");
    expect(reason).toBe(`${failure}; it does not trade without its old state, since onError is halt`);
  });

  test("skip: it trades without its state, degraded, and says so", async () => {
    const bench = await rig({ errorPolicy: "skip" });
    await once(bench, start, forgetful);
    await start(bench, forgetful);
    expect((await bench.state("degraded")).reason).toBe(`it trades without its old state: ${failure}`);
    await bench.say("AAPL", "101");
    await until("it starts from nothing", () => bench.logs.filter((line) => line === "seen 1").length === 2);
    expect((await bench.metric("the error counts", ({ errors }) => errors === 1)).errors).toBe(1);
  });
});

/** Says what it was given, and by whom. @param takes the parameters of its restore() */
const remembering = (takes: readonly [string, string]): Sources => ({
  typescript: `export default class {
  seen = 0;
  initialize(params) { this.by = "nobody"; return ["quotes"]; }
  warm(data, context) { this.event(data, context); }
  event(data, context) {
    this.seen += 1;
    const mean = context.indicators.sma("AAPL", 2).update(Number(data.quote)) ?? "cold";
    context.log.info("seen " + this.seen + " by " + this.by + ", mean " + mean);
  }
  snapshot() { return { seen: this.seen }; }
  restore(${takes[0]}) { this.seen = state.seen; this.by = ${takes[0] === "state" ? '"itself"' : 'writer.same + " " + writer.params.threshold'}; }
}`,
  python: `class A:
    def initialize(self, params):
        self.seen, self.by = 0, "nobody"
        return ["quotes"]
    def event(self, data, context):
        self.seen += 1
        mean = context.indicators.sma("AAPL", 2).update(float(data["quote"]))
        context.log.info(f"seen {self.seen} by {self.by}, mean {'cold' if mean is None else format(mean, 'g')}")
    def snapshot(self):
        return {"seen": self.seen}
    def restore(self, ${takes[1]}):
        self.seen = state["seen"]
        self.by = ${takes[1] === "state" ? '"itself"' : "f\"{str(writer['same']).lower()} {writer['params']['threshold']}\""}
`,
});

describe.each(languages)("the state of another version, in %s", (_name, start) => {
  test.each([
    {
      what: "is not given to one that does not ask who wrote it",
      takes: ["state", "state"],
      says: "seen 1 by nobody, mean cold",
    },
    {
      what: "is given to one that does, with its indicators",
      takes: ["state, writer", "state, writer"],
      says: "seen 2 by false 0.3, mean 105",
    },
  ] as const)("$what", async ({ takes, says }) => {
    const bench = await rig();
    const sources = remembering([...takes]);
    const first = await start(bench, sources);
    await bench.state("running");
    await bench.say("AAPL", "100");
    await until("it has seen one", () => bench.logs.some((line) => line.startsWith("seen 1")));
    first.child.kill("SIGTERM");
    expect(await first.exited).toBe(0);
    await bench.state("stopped");
    const changed = { ...bench.spec, params: { threshold: 0.4 } };
    writeFileSync(join(bench.folder, "spec/spec.json"), JSON.stringify(changed));
    const second = await start(bench, sources);
    await bench.state("running");
    await bench.say("AAPL", "110");
    await until(`${says}, not ${bench.logs.at(-1)}`, () => bench.logs.at(-1) === says);
    const without = "starts without its old state";
    if (takes[0] === "state") expect(second.output()).toContain(without);
    else expect(second.output()).not.toContain(without);
  });
});
