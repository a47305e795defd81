import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { actionlintArtifact, zizmorArtifact } from "./artifacts.ts";

const root = join(import.meta.dirname, "../..");
const places = [".github", "templates/init/dot-github", "templates/forge/github/dot-github"];
const files = places.flatMap((place) =>
  readdirSync(join(root, place, "workflows")).map((name) => [`${place}/workflows/${name}`, place, name] as const),
);
/** As they lie in a repository: zizmor looks for them there. */
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway-workflows-"));
  for (const [path, place, name] of files) {
    const target = join(folder, place.replaceAll("/", "-"), ".github/workflows");
    mkdirSync(target, { recursive: true });
    cpSync(join(root, path), join(target, name));
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(program: string, argv: readonly string[]): Promise<{ readonly code: unknown; readonly output: string }> {
  return new Promise((resolve) => {
    execFile(program, [...argv], { encoding: "utf8", timeout: 60_000 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : error.code, output: stdout + stderr }),
    );
  });
}

describe.each(files)("%s", (path) => {
  const text = readFileSync(join(root, path), "utf8");
  const workflow = parse(text) as {
    readonly on: Readonly<Record<string, unknown>>;
    readonly permissions: unknown;
    readonly jobs: Readonly<Record<string, { readonly steps: readonly { readonly uses?: string }[] }>>;
  };

  test("gives nothing by default", () => {
    expect(workflow.permissions).toEqual({});
  });

  test("names every action by its commit", () => {
    const uses = Object.values(workflow.jobs).flatMap(({ steps }) => steps.flatMap(({ uses: name }) => name ?? []));
    expect(uses.filter((name) => !/@[0-9a-f]{40}$/.test(name))).toEqual([]);
  });

  test("never runs a proposal's code with main's rights", () => {
    expect(Object.keys(workflow.on)).not.toContain("pull_request_target");
    // What runs on pull requests holds no secret.
    if ("pull_request" in workflow.on) expect(text).not.toMatch(/secrets\./);
  });

  test("pleases actionlint", async () => {
    const program = join(actionlintArtifact().folder, "actionlint");
    expect(await run(program, ["-shellcheck=", "-pyflakes=", join(root, path)])).toEqual({ code: 0, output: "" });
  });
});

const zizmor = join(zizmorArtifact().folder, "bin/zizmor");

test.skipIf(!existsSync(zizmor))("zizmor finds nothing, at its most pedantic", async () => {
  const { code, output } = await run(zizmor, ["--offline", "--pedantic", "--no-progress", folder]);
  expect([code, output]).toEqual([0, expect.stringContaining("No findings to report")]);
});
