import { appendFileSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createPlayground, type Playground } from "./cli.ts";

let playground: Playground;
let folder: string;
beforeEach(() => {
  playground = createPlayground();
  folder = join(playground.state, "cluster/logs/seed-paper/random-py-0");
  mkdirSync(folder, { recursive: true });
});
afterEach(() => playground.remove());

const at = (second: number): string => `2026-11-26T10:00:${String(second).padStart(2, "0")}.000Z`;
const write = (file: string, ...lines: readonly string[]): void =>
  writeFileSync(join(folder, file), lines.map((line) => `${line}\n`).join(""));

test("lines of several containers come by their times, each with its container, and the count is of all", async () => {
  write("executor.log.1", `${at(1)} one`);
  write("executor.log", `${at(2)} two`, `${at(9)} nine`, `${at(4)} the clock was set back`);
  write("algorithm.log", `${at(3)} three`, "without a time", `${at(9)} nine too`);
  const { stdout } = await playground.run("logs", "seed/random-py");
  expect(stdout.trimEnd().split("\n")).toEqual([
    `executor   ${at(1)} one`,
    `executor   ${at(2)} two`,
    `algorithm  ${at(3)} three`,
    "algorithm  without a time",
    `algorithm  ${at(9)} nine too`,
    `executor   ${at(9)} nine`,
    `executor   ${at(4)} the clock was set back`,
  ]);
  const { document } = await playground.json("logs", "seed/random-py", "-n", "3");
  expect(document).toMatchObject({
    logs: [
      { container: "algorithm", lines: [`${at(9)} nine too`] },
      { container: "executor", lines: [`${at(9)} nine`, `${at(4)} the clock was set back`] },
    ],
  });
  expect((await playground.run("logs", "seed/random-py", "-n", "0")).stdout).toBe("");
  expect((await playground.run("logs", "seed/random-py", "-n", "2", "-c", "executor")).stdout).toBe(
    `${at(9)} nine\n${at(4)} the clock was set back\n`,
  );
});

test("--follow goes on in the order of time, also when a log is turned over meanwhile", async () => {
  write("executor.log", `${at(1)} first`);
  write("algorithm.log", `${at(2)} second`);
  const following = playground.start("logs", "seed/random-py", "--follow");
  await expect.poll(() => following.output()).toContain("second");
  const now = (): string => new Date().toISOString();
  for (let line = 0; line < 20; line += 1) {
    appendFileSync(join(folder, line % 3 === 0 ? "executor.log" : "algorithm.log"), `${now()} line ${line}\n`);
    if (line === 10) {
      renameSync(join(folder, "algorithm.log"), join(folder, "algorithm.log.1"));
      write("algorithm.log");
    }
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
  await expect.poll(() => following.output()).toContain("line 19");
  following.child.kill("SIGINT");
  const { code, stdout } = await following.ended;
  expect(code).toBe(0);
  expect([...stdout.matchAll(/ line (\d+)/g)].map(([, line]) => Number(line))).toEqual([...Array(20).keys()]);
  expect(stdout).toMatch(/^executor .*first\nalgorithm .*second\n/);
});

test("--follow keeps the order of time while a log that is turned over has one of its two names alone", async () => {
  write("executor.log", `${at(1)} first`);
  write("algorithm.log", `${at(2)} second`);
  const following = playground.start("logs", "seed/random-py", "--follow");
  await expect.poll(() => following.output()).toContain("second");
  let count = 0;
  const append = (file: string): void => {
    appendFileSync(join(folder, file), `${new Date().toISOString()} line ${count}\n`);
    count += 1;
  };
  append("algorithm.log");
  renameSync(join(folder, "algorithm.log"), join(folder, "algorithm.log.1"));
  append("executor.log");
  await expect.poll(() => following.output()).toContain("line 1");
  append("algorithm.log.1");
  append("algorithm.log");
  append("executor.log");
  await expect.poll(() => following.output()).toContain("line 4");
  following.child.kill("SIGINT");
  const { stdout } = await following.ended;
  expect([...stdout.matchAll(/ line (\d+)/g)].map(([, line]) => Number(line))).toEqual([0, 1, 2, 3, 4]);
});

test("--follow ends when nobody reads it any more", async () => {
  write("executor.log", `${at(1)} first`);
  const following = playground.start("logs", "seed/random-py", "--follow");
  following.child.stdout?.once("data", () => {
    following.child.stdout?.destroy();
    appendFileSync(join(folder, "executor.log"), `${at(2)} second\n`);
  });
  const { code, stdout, stderr } = await following.ended;
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `${at(1)} first\n`, stderr: "" });
});

test("--follow --json is one JSON object a line, as they come, and nothing else", async () => {
  write("executor.log", `${at(1)} first`);
  write("algorithm.log", `${at(2)} second`);
  const following = playground.start("logs", "seed/random-py", "--follow", "--json");
  await expect.poll(() => following.output()).toContain("second");
  appendFileSync(join(folder, "executor.log"), `${at(3)} "third"\n`);
  await expect.poll(() => following.output()).toContain("third");
  following.child.kill("SIGINT");
  const { code, stdout, stderr } = await following.ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const ids = { strategy: "seed/random-py", environment: "paper" };
  expect(stdout.split("\n").map((line) => (line === "" ? "" : JSON.parse(line)))).toEqual([
    { ...ids, container: "executor", line: `${at(1)} first` },
    { ...ids, container: "algorithm", line: `${at(2)} second` },
    { ...ids, container: "executor", line: `${at(3)} "third"` },
    "",
  ]);
});

test("structured lines are read by a person, and stay what they are for a program", async () => {
  const record = (fields: object): string => JSON.stringify({ time: at(7), ...fields });
  const fill = { traceparent: "00-1", strategy: "seed/random-py", clientOrderId: "o-1", side: "buy", sid: "AAPL" };
  const lines = [
    record({
      level: "info",
      message: "order filled",
      ...fill,
      quantity: "10",
      filledQuantity: "10",
      price: "101.25",
      fee: "0.1",
    }),
    record({
      level: "info",
      message: "order",
      ...fill,
      status: "partially-filled",
      quantity: "10",
      filledQuantity: "4",
      price: "99",
    }),
    record({ level: "error", message: "alarm: a strategy floods\u001b[31m the gateway", code: "x y", count: 3 }),
    "a plain line",
    "{ no JSON",
    '"text"',
  ];
  write("executor.log", ...lines.map((line) => `${at(8)} ${line}`));
  const { stdout } = await playground.run("logs", "seed/random-py");
  expect(stdout.trimEnd().split("\n")).toEqual([
    `${at(8)} order filled: buy 10 AAPL at 101.25, fee 0.1 clientOrderId=o-1`,
    `${at(8)} order partially-filled: buy 10 AAPL, 4 filled at 99 clientOrderId=o-1`,
    `${at(8)} ERROR alarm: a strategy floods [31m the gateway code="x y" count=3`,
    `${at(8)} a plain line`,
    `${at(8)} { no JSON`,
    `${at(8)} "text"`,
  ]);
  const { document } = await playground.json("logs", "seed/random-py");
  expect(document).toMatchObject({ logs: [{ lines: lines.map((line) => `${at(8)} ${line}`) }] });
});

test.each(["gateway", "slipway/gateway", "bus", "feed-stocks"])(
  "the platform's part %s has a log, too",
  async (part) => {
    const pod = join(playground.state, "cluster/logs/slipway-paper", `${part.replace("slipway/", "")}-0`);
    mkdirSync(pod, { recursive: true });
    writeFileSync(join(pod, "gateway.log"), `${at(1)} {"level":"error","message":"alarm: the book is damaged"}\n`);
    expect((await playground.run("logs", part)).stdout).toBe(`${at(1)} ERROR alarm: the book is damaged\n`);
  },
);

test("what is neither a strategy nor a part of the platform is told what is", async () => {
  const { code, stderr } = await playground.run("logs", "slipway/bank");
  expect(code).toBe(2);
  expect(stderr).toContain("gateway, bus or feed-<feed>");
});
