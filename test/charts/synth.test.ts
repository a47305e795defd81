import { execFile } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { renderWorkspace } from "#delivery/render.ts";
import { environments, repository } from "./inputs.ts";

const run = promisify(execFile);
const cdk8s = join(repository, "node_modules/cdk8s-cli/bin/cdk8s");
let outdir: string;

beforeAll(() => {
  outdir = mkdtempSync(join(tmpdir(), "slipway-synth-"));
});
afterAll(() => rmSync(outdir, { recursive: true, force: true }));

test("cdk8s synth writes what slipway render writes", async () => {
  const app = `${process.execPath} charts/main.ts`;
  await run(process.execPath, [cdk8s, "synth", "--check-upgrade=false", "--app", app, "--output", outdir], {
    cwd: repository,
  });
  const written = globSync("**/*.yaml", { cwd: outdir }).sort();
  const expected = new Map<string, string>();
  for (const { metadata } of environments()) {
    const { files } = await renderWorkspace(repository, metadata.name, 0);
    for (const [path, text] of files) expected.set(`${metadata.name}/${path}`, text);
  }
  expect(written).toEqual([...expected.keys()].sort());
  for (const path of written) expect(readFileSync(join(outdir, path), "utf8")).toBe(expected.get(path));
});
