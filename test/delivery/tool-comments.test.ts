// The gate's comment on proposals of the tool's files, as people read it: test/golden/comments. A change of words is looked at there, and taken over
// with `vitest run test/delivery/tool-comments.test.ts -u`.
import { expect, test } from "vitest";
import { maskedComment } from "./comment-mask.ts";
import { value } from "./fixture.ts";
import { type Change, forgeYaml, installed, ToolScene, workflow } from "./tool-scene.ts";

const scene = new ToolScene();
const hostile = "</details> | **`@everyone`** <img src=x onerror=alert(1)> [x](javascript:alert(1)) ```";

interface Case {
  readonly name: string;
  readonly files: Readonly<Record<string, Change>>;
  readonly approvers?: readonly string[];
}

const cases: readonly Case[] = [
  {
    name: "11-tool-upgrade",
    files: installed({
      slipway: { version: "0.2.0" },
      left: { version: "1.0.0" },
      "left/node_modules/pad": { version: "1.1.0" },
      right: { version: "2.0.0", hasInstallScript: true },
    }),
    approvers: ["dave", "carol"],
  },
  {
    name: "12-tool-workflow",
    files: {
      ".github/workflows/gate.yml": workflow
        .replace("on:\n", "on:\n  pull_request_target:\n")
        .replace("permissions: {}", "permissions: { statuses: write }")
        .replace("      - run:", "      - uses: actions/checkout@v4\n      - run:"),
      ".github/workflows/check.yml": null,
      "forge.yaml": forgeYaml.replace("slipway-acme[bot]", "mallory"),
      "docs/run.sh": { mode: "100755", text: "#!/bin/sh\n" },
    },
  },
  {
    name: "13-tool-refused",
    files: {
      ...installed({ slipway: { version: "0.1.0" } }, { scripts: { prepare: `node ${hostile}` }, [hostile]: hostile }),
      "package-lock.json": JSON.stringify({
        packages: { "": {}, [`node_modules/${hostile}`]: { version: hostile, resolved: "git+ssh://evil.example/x" } },
      }),
      [hostile.replaceAll("/", "")]: "x\n",
      "Strategies/a": "x\n",
      link: { mode: "120000", text: "policies/teams.yaml" },
      vendor: { mode: "160000", text: "1".repeat(40) },
    },
  },
  { name: "14-tool-words", files: { "README.md": "# Ours\n" }, approvers: ["carol"] },
];

test.each(cases)("$name", async ({ name, files, approvers = [] }) => {
  await scene.commit("main", { ".github/workflows/check.yml": workflow });
  const number = await scene.propose(files);
  for (const by of approvers) await scene.approve(number, by);
  await scene.judged(number);
  const { comment = "" } = value(await scene.at.forge.get(number));
  await expect(maskedComment(comment)).toMatchFileSnapshot(`../golden/comments/${name}.md`);
});

test("of a thousand files and packages is short", async () => {
  const many = Array.from({ length: 1_000 }, (_, index) => index);
  const number = await scene.propose({
    ...Object.fromEntries(many.map((index) => [`src/a/rather/deep/folder/of/files/number-${index}.ts`, "x\n"])),
    ...installed(
      Object.fromEntries(many.map((index) => [`package-${index}`, { version: "1.0.0", hasInstallScript: true }])),
    ),
  });
  await scene.judged(number);
  const { comment = "" } = value(await scene.at.forge.get(number));
  expect(comment.length).toBeLessThan(20_000);
  expect(comment).toContain("… and 942 more");
});
