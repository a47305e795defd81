import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { BookFiles } from "#gateway/book-files.ts";

const folder = join(import.meta.dirname, "../../docs");
const guides = readdirSync(folder).filter((name) => name.endsWith(".md"));
const inPods = guides.flatMap((name) =>
  [...readFileSync(join(folder, name), "utf8").matchAll(/kubectl [^\n`]*\bexec [^\n`]*? -- ([^\n`]+)/g)].map(
    ([, command = ""]) => command,
  ),
);

test("what people run inside a pod is there: the images have Node and no shell", () => {
  expect(inPods.length).toBeGreaterThan(2);
  expect(inPods.filter((command) => !command.startsWith("/usr/local/bin/node "))).toEqual([]);
});

test("what is run on a machine with an older Node is run by the project's own", () => {
  const pages = [
    ...guides.map((name) => `docs/${name}`),
    "README.md",
    "CONTRIBUTING.md",
    "images/README.md",
    "bench/README.md",
  ];
  const own = pages.flatMap((page) =>
    [...readFileSync(join(folder, "..", page), "utf8").matchAll(/(?:npx )?\bnode (?:[a-z-]+\/)+[a-z-]+\.ts/g)].map(
      ([command]) => `${page}: ${command}`,
    ),
  );
  expect(own.length).toBeGreaterThan(5);
  expect(own.filter((command) => !command.includes(": npx "))).toEqual([]);
});

test("who accepts an empty book by the command that is shown is understood", () => {
  const directory = mkdtempSync(join(tmpdir(), "slipway-accept-"));
  try {
    const [, script = ""] = inPods.map((command) => / -e '([^']*accept-book[^']*)'/.exec(command)).find(Boolean) ?? [];
    execFileSync(process.execPath, ["-e", script.replaceAll("/var/lib/slipway", directory)]);
    const files = new BookFiles({ directory, durability: "process", nowMs: () => 1, log: () => undefined });
    expect(files.accepted()).toBe("alice: the disk failed, all is closed");
  } finally {
    rmSync(directory, { recursive: true });
  }
});
