import { spawn } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createPlayground, type Playground, root } from "./cli.ts";

// A terminal's Ctrl-C goes to every process of the command's group at once, also to Git and to what else helps just then.

let playground: Playground;
beforeAll(() => {
  playground = createPlayground();
});
afterAll(() => playground.remove());

const moments = [
  { moment: "at once", pattern: "Ctrl-C stops it" },
  { moment: "while the forge is made", pattern: "forge " },
  { moment: "while it deploys", pattern: "deploying 3" },
  { moment: "while the next one is deployed", pattern: "merged [0-9a-f]{7}" },
  { moment: "while the bus starts", pattern: "bus  " },
  { moment: "while strategies run", pattern: "running" },
];

describe("Ctrl-C", () => {
  test.each(moments)("$moment ends `up` well", async ({ pattern }) => {
    const { code, stdout } = await playground.terminal(
      { columns: 100, pattern },
      ...["up", "--bus-port", "0", "--console-port", "0"],
    );
    expect([code, stdout]).toEqual([0, expect.stringMatching(/\nstopped /)]);
    expect(stdout).not.toMatch(/failed|fix:|refused/);
  });

  test("and what it interrupted is there afterwards, once", async () => {
    const again = await playground.run("up", "--bus-port", "0", "--console-port", "0", "--for", "5");
    expect(again.code).toBe(0);
    const { document } = await playground.json("proposals");
    const proposals = document["proposals"] as readonly { readonly title: string; readonly state: string }[];
    expect(proposals.map(({ title, state }) => [title.split(":")[0], state]).sort()).toEqual([
      ["momentum/sma-cross", "merged"],
      ["seed/random-py", "merged"],
      ["seed/random-ts", "merged"],
    ]);
  });
});

test("`up` ends when the older Node that started it is killed", async () => {
  const child = spawn(
    process.execPath,
    [join(root, "src/cli/main.ts"), "up", "--bus-port", "0", "--console-port", "0", "--no-deploy"],
    {
      cwd: playground.repository,
      env: { PATH: process.env["PATH"], HOME: playground.folder, SLIPWAY_STATE: join(playground.folder, "other") },
      // As bin/slipway.mjs does: the channel ends with the process at its other side.
      stdio: ["ignore", "pipe", "inherit", "ipc"],
    },
  );
  let printed = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    printed += text;
  });
  // No "close" comes once the channel was ended from here.
  const read = new Promise((resolve) => child.stdout?.once("end", resolve));
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  await expect.poll(() => printed).toContain("console  ");
  child.disconnect();
  expect(await ended).toBe(0);
  await read;
  expect(printed).toMatch(/\nstopped in /);
});
