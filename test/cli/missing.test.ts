import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createPlayground, root } from "./cli.ts";

describe("Git is missing", () => {
  test("a command that needs it says so once, and how to mend it", async () => {
    const playground = createPlayground({ PATH: "/nonexistent" });
    const { code, stderr } = await playground.run("deploy", "--merge");
    playground.remove();
    expect(stderr).toBe(
      "failed: Git is not on the PATH; Git 2.38 or newer is needed\n" +
        "  fix: install Git (https://git-scm.com/downloads), and look whether `git --version` answers in this terminal\n",
    );
    expect(code).toBe(1);
  });
});

describe("an npm package is missing, as after a git pull", () => {
  let checkout: string;
  beforeAll(() => {
    checkout = mkdtempSync(join(tmpdir(), "slipway-packages-"));
    for (const part of ["src", "schemas", "sdk", "charts", "package.json"])
      cpSync(join(root, part), join(checkout, part), { recursive: true });
  });
  afterAll(() => rmSync(checkout, { recursive: true, force: true }));

  // One is read before anything else, the other by a command.
  test.each(["commander", "yaml"])("without %s it says: npm ci", (missing) => {
    const modules = join(checkout, "node_modules");
    rmSync(modules, { recursive: true, force: true });
    mkdirSync(modules);
    for (const name of readdirSync(join(root, "node_modules")))
      if (name !== missing) symlinkSync(join(root, "node_modules", name), join(modules, name));
    const argv = [join(checkout, "src/cli/main.ts"), "check", "-C", root];
    const { status, stderr } = spawnSync(process.execPath, argv, { encoding: "utf8" });
    expect(stderr).toBe(
      `failed: the npm package ${missing}, which slipway needs, is not installed\n` +
        "  fix: run `npm ci` in slipway's folder: after a `git pull` there may be new packages\n",
    );
    expect(status).toBe(1);
    const json = spawnSync(process.execPath, [...argv, "--json"], { encoding: "utf8" });
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: false, error: { code: "package-missing" } });
  });
});
