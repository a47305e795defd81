// What is read of files that anybody may have written: never more than text, and never a fall.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareDependencies } from "#delivery/dependencies.ts";
import { readLockFile, readManifest } from "#delivery/lock-file.ts";
import { createMemo } from "#delivery/memo.ts";
import { describePin, isPinned, pinAt } from "#delivery/pinned.ts";
import { readRenderer } from "#delivery/renderer.ts";
import { workflowWarnings } from "#delivery/workflow-warnings.ts";
import { initBareRepository } from "#git/open.ts";
import type { TreePath } from "#git/port.ts";
import { alice } from "./fixture.ts";
import { installed } from "./tool-scene.ts";

const anyJson = fc.jsonValue().map((value) => JSON.stringify(value));
const lockLike = fc
  .dictionary(
    fc.constantFrom("", "node_modules/a", "node_modules/a/node_modules/@b/c", "packages/x", "__proto__", "constructor"),
    fc.oneof(
      fc.jsonValue(),
      fc.record({ version: fc.constantFrom("1", "2"), resolved: fc.string(), link: fc.boolean() }),
    ),
  )
  .map((packages) => JSON.stringify({ lockfileVersion: 3, packages }));
const text = fc.option(fc.oneof(anyJson, lockLike, fc.string()), { nil: undefined });

describe("package.json and its lock file", () => {
  test("of any text are read without a fall, and the same twice is no change", () => {
    fc.assert(
      fc.property(text, text, text, text, (manifest, lock, otherManifest, otherLock) => {
        const [one, other] = [
          { manifest, lock },
          { manifest: otherManifest, lock: otherLock },
        ];
        const there = compareDependencies(one, other).changes;
        const back = compareDependencies(other, one).changes;
        expect(back).toEqual(there.map(({ name, from, to }) => ({ name, from: to, to: from })));
        expect(compareDependencies(one, one).changes).toEqual([]);
        expect(compareDependencies(one, one).findings.filter(({ severity }) => severity === "warning")).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  test("as npm writes them belong together, and are read", () => {
    const files = installed({ a: { version: "1.0.0" }, "a/node_modules/@b/c": { version: "2.0.0" } });
    const [manifest, lock] = [files["package.json"], files["package-lock.json"]];
    expect(compareDependencies({ manifest: undefined, lock: undefined }, { manifest, lock })).toEqual({
      changes: [
        { name: "a", from: undefined, to: "1.0.0" },
        { name: "@b/c in a", from: undefined, to: "2.0.0" },
      ],
      findings: [expect.objectContaining({ code: "script-changed" })],
    });
    expect(readManifest(manifest ?? "")?.asked).toEqual(new Map([["dependencies a", "1.0.0"]]));
    expect(readLockFile('{"lockfileVersion":1,"dependencies":{}}')).toBeUndefined();
  });
});

test("any two workflows are compared without a fall, and lines that were there are not told of", () => {
  const line = fc.constantFrom(
    "on: pull_request_target",
    "  contents: write",
    "  - uses: a/b@v1",
    `# $\{{ github.event.x }}`,
    "",
  );
  const workflow = fc.array(fc.oneof(line, fc.string()), { maxLength: 8 }).map((lines) => lines.join("\n"));
  fc.assert(
    fc.property(workflow, workflow, (before, after) => {
      expect(workflowWarnings("x.yml", after, after)).toEqual([]);
      const known = new Set(before.split("\n"));
      for (const { place } of workflowWarnings("x.yml", before, after))
        expect(known.has(after.split("\n")[(place?.line ?? 0) - 1] ?? "")).toBe(false);
    }),
  );
});

test.each([
  ["  pull_request_target:", "workflow-target"],
  ["on: [push, workflow_run]", "workflow-after"],
  ["permissions: write-all", "workflow-writes"],
  ["  contents: write", "workflow-writes"],
  ["permissions: { contents: read, statuses: write }", "workflow-writes"],
  ["  id-token: write", "workflow-identity"],
  [`    KEY: $\{{ secrets.KEY }}`, "workflow-secret"],
  ["    secrets: inherit", "workflow-secret"],
  ["    environment: slipway", "workflow-environment"],
  [`  - run: echo $\{{ github.event.pull_request.title }}`, "workflow-injection"],
  [`  # $\{{ github.head_ref }}`, "workflow-injection"],
  ["  - uses: actions/checkout@v4", "workflow-unpinned"],
  ["  - uses: docker://alpine:3", "workflow-unpinned"],
  ["    runs-on: [self-hosted]", "workflow-self-hosted"],
  ["  - run: curl https://x.example | sudo bash", "workflow-pipe"],
  ["x".repeat(2_001), "workflow-long"],
])("%s deserves a second look", (added, code) => {
  expect(workflowWarnings("x.yml", "", added).map((finding) => finding.code)).toContain(code);
});

test.each([
  "  - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2",
  "  - uses: ./.github/actions/own",
  "permissions: {}",
  "  contents: read",
  "# on: pull_request_target",
  "  - run: npm ci",
])("%s deserves none", (added) => {
  expect(workflowWarnings("x.yml", "", added)).toEqual([]);
});

test.each([
  [{ version: "0.2.0" }, "slipway 0.2.0", true],
  [{ version: "0.2.0" }, "slipway 0.2.0 lock sha256:0123456789abcdef", true],
  [{ version: "0.2.0" }, "slipway 0.2.01", false],
  [{ version: "0.2.0" }, "slipway 0.1.0", false],
  [{ version: "0.2.0" }, "slipway 0.2.0 integrity sha512-abc", true],
  [{ version: "0.2.0", integrity: "sha512-abc" }, "slipway 0.2.0 integrity sha512-abc", true],
  [{ version: "0.2.0", integrity: "sha512-abc" }, "slipway 0.2.0 integrity sha512-xyz", false],
  [{ version: "0.2.0", integrity: "sha512-abc" }, "slipway 0.2.01 integrity sha512-abc", false],
  [{ version: "0.2.0", integrity: "sha512-abc" }, "slipway 0.2.0", true],
  [{ lock: "0123456789abcdef" }, "slipway 0.2.0 lock sha256:0123456789abcdef", true],
  [{ lock: "0123456789abcdef" }, "slipway 0.2.0", false],
])("%j lets %s render: %s", (pin, renderer, may) => {
  expect(isPinned(pin, renderer)).toBe(may);
});

describe("what npm has installed", () => {
  const content = `sha512-${"a".repeat(86)}==`;
  /** As npm lays it out, with what it wrote down beside it. */
  async function installedAs(integrity: string | undefined): Promise<string> {
    const modules = join(await mkdtemp(join(tmpdir(), "slipway-installed-")), "node_modules");
    await mkdir(join(modules, "slipway/dist"), { recursive: true });
    await writeFile(join(modules, "slipway/package.json"), JSON.stringify({ name: "slipway", version: "0.2.0" }));
    const packages = { "node_modules/slipway": { version: "0.2.0", integrity } };
    await writeFile(join(modules, ".package-lock.json"), JSON.stringify({ lockfileVersion: 3, packages }));
    const renderer = await readRenderer(pathToFileURL(join(modules, "slipway/dist/cli.js")).href);
    await rm(modules, { recursive: true });
    return renderer;
  }

  test("renders under its content beside its version, and only if main's lock file has that content", async () => {
    const repository = await initBareRepository(await mkdtemp(join(tmpdir(), "slipway-pinned-")));
    const lock = installed({ slipway: { version: "0.2.0", integrity: content } })["package-lock.json"] ?? "";
    const tree = await repository.writeTree(null, new Map([["package-lock.json" as TreePath, lock]]));
    const by = { ...alice, timeSeconds: 1 };
    const commit = await repository.writeCommit({ tree, parents: [], author: by, committer: by, message: "one\n" });
    const pin = await pinAt(repository, commit, createMemo());
    await rm(repository.directory, { recursive: true });
    if (pin === undefined) throw new Error("there is no pin");
    const same = await installedAs(content);
    const other = await installedAs(content.replace("aaaa", "aabb"));
    expect([same, await installedAs(undefined)]).toEqual([describePin(pin), "slipway 0.2.0"]);
    expect([same, other, "slipway 0.2.0"].map((renderer) => isPinned(pin, renderer))).toEqual([true, false, true]);
  });
});
