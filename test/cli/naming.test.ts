import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createPlayground, type Playground, root } from "./cli.ts";

describe("a strategy may be named by its folder", () => {
  let playground: Playground;
  beforeAll(() => {
    playground = createPlayground();
  });
  afterAll(() => playground.remove());

  const check = (cwd: string, name: string): { readonly code: number | null; readonly document: unknown } => {
    const argv = [join(root, "src/cli/main.ts"), "check", name, "--json"];
    const { status, stdout } = spawnSync(process.execPath, argv, {
      cwd: join(playground.repository, cwd),
      encoding: "utf8",
    });
    return { code: status, document: JSON.parse(stdout) };
  };

  const folder = "strategies/momentum/sma-cross";
  test.each([
    { cwd: folder, name: "." },
    { cwd: folder, name: "strategy.yaml" },
    { cwd: folder, name: "./strategy.yaml" },
    { cwd: folder, name: "momentum/sma-cross" },
    { cwd: folder, name: `./${folder}` },
    { cwd: "strategies/seed/random-ts", name: "../../momentum/sma-cross/" },
    { cwd: "strategies/momentum", name: "./sma-cross" },
    { cwd: "", name: `./${folder}/strategy.yaml` },
    { cwd: "", name: `/${folder}` },
  ])("$name in /$cwd", ({ cwd, name }) => {
    const given = name.startsWith("/") ? join(playground.repository, name) : name;
    expect(check(cwd, given)).toMatchObject({ code: 0, document: { strategies: ["momentum/sma-cross"] } });
  });

  test.each([
    { cwd: "", name: "." },
    { cwd: folder, name: "../../../.." },
    { cwd: "", name: "/strategies/momentum/sma-cross" },
  ])("$name in /$cwd is none", ({ cwd, name }) => {
    expect(check(cwd, name)).toMatchObject({
      code: 2,
      document: { findings: [{ code: "name-malformed", message: `${JSON.stringify(name)} is no strategy's name` }] },
    });
  });
});
