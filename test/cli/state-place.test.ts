import { existsSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createPlayground, type Playground } from "./cli.ts";

let playground: Playground;
beforeAll(() => {
  playground = createPlayground();
  symlinkSync(playground.repository, join(playground.folder, "link"));
});
afterAll(() => playground.remove());

test.each([".", ".state", "not/there/yet", "../link/.state"])(
  "--state %s, in the checkout, is refused",
  async (state) => {
    const { code, document } = await playground.json("deploy", "--merge", "--state", state);
    expect(code).toBe(2);
    expect(document).toMatchObject({ ok: false, findings: [{ code: "state-in-checkout" }] });
    if (state !== ".") expect(existsSync(join(playground.repository, state))).toBe(false);
  },
);

test("one beside it, whose name starts like the checkout's, is taken", async () => {
  const { document } = await playground.json("status", "--state", "../repository-state");
  expect(document).toMatchObject({ findings: [{ code: "forge-missing" }] });
});
