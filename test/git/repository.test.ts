import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { branchRef, openRepository } from "#git/open.ts";
import type { BlobSha, CommitSha, Repository, TreePath } from "#git/port.ts";
import { changes, commitFiles, git, open, path, type Scratch, scratch, signature } from "./fixture.ts";

let place: Scratch;
let repository: Repository;
beforeAll(async () => {
  place = await scratch();
  repository = await open(place);
});
afterAll(() => place.close());

const absent = "0123456789012345678901234567890123456789";

describe("commits", () => {
  test("are read as they were written, and equal input gives an equal id", async () => {
    const tree = await repository.writeTree(null, changes({ a: "1\n" }));
    const first = await repository.writeCommit({
      tree,
      parents: [],
      author: signature,
      committer: signature,
      message: "one\n",
    });
    const input = {
      tree,
      parents: [first],
      author: { ...signature, timeSeconds: 0 },
      committer: { name: "Slipway", email: "s@x", timeSeconds: 5 },
      message: "subject é\n\nbody\n\nTrailer: x\n\n\nno line feed at the end",
    };
    const sha = await repository.writeCommit(input);
    expect(await repository.writeCommit(input)).toBe(sha);
    expect(await repository.commit(sha)).toEqual({ sha, ...input });
  });

  test.each([
    { name: "a name with a header in it", author: { ...signature, name: "a\ntree x" } },
    { name: "a name with an address in it", author: { ...signature, name: "a <b>" } },
    { name: "no name", author: { ...signature, name: "" } },
    { name: "white space in an address", author: { ...signature, email: "a b" } },
    { name: "a time with a fraction", author: { ...signature, timeSeconds: 1.5 } },
  ])("are a bug with $name", async ({ author }) => {
    const tree = await repository.writeTree(null, changes({ a: "1\n" }));
    await expect(
      repository.writeCommit({ tree, parents: [], author, committer: signature, message: "x" }),
    ).rejects.toThrow(/^not a/);
  });

  test("that Git or other programs made are read: signed, with other time zones", async () => {
    const tree = await repository.writeTree(null, changes({ a: "1\n" }));
    const text = `tree ${tree}\nauthor A B <a@b> 5 +0230\ncommitter <> 7 -0800\ngpgsig -----BEGIN\n tree ${absent}\n \n -----END\n\nm\n`;
    await writeFile(join(place.folder, "commit"), text);
    const sha = git(
      repository.directory,
      "hash-object",
      "--literally",
      "-t",
      "commit",
      "-w",
      join(place.folder, "commit"),
    ).trim();
    expect(await repository.commit(sha as CommitSha)).toMatchObject({
      tree,
      parents: [],
      author: { name: "A B", email: "a@b", timeSeconds: 5 },
      committer: { name: "", email: "", timeSeconds: 7 },
      message: "m\n",
    });
  });

  test("that are missing are a fault", async () => {
    await expect(repository.commit(absent as CommitSha)).rejects.toMatchObject({ code: "git-failed" });
  });

  test("an id that is none never reaches Git", async () => {
    await expect(repository.commit("--help" as CommitSha)).rejects.toThrow("not an object id");
    await expect(repository.mergeBase("--all" as CommitSha, absent as CommitSha)).rejects.toThrow("not an object id");
  });
});

test("history follows first parents, to a stop, a limit, a path", async () => {
  const one = await commitFiles(repository, { a: "1\n" });
  const two = await commitFiles(repository, { b: "1\n" }, [one]);
  const side = await commitFiles(repository, { c: "1\n" }, [one]);
  const merged = await commitFiles(repository, { c: "1\n" }, [two, side]);
  const shas = async (options = {}) => (await repository.history(merged, options)).map(({ sha }) => sha);
  expect(await shas()).toEqual([merged, two, one]);
  expect(await shas({ stop: two })).toEqual([merged]);
  expect(await shas({ stop: merged })).toEqual([]);
  expect(await shas({ limit: 2 })).toEqual([merged, two]);
  expect(await shas({ limit: 0 })).toEqual([]);
  expect(await shas({ path: "b" })).toEqual([two]);
  expect(await shas({ path: "c" })).toEqual([merged]);
  expect(await shas({ path: "*" })).toEqual([]);
});

describe("list and read", () => {
  test("every file below a prefix, whole parts only", async () => {
    const commit = await commitFiles(repository, {
      "s/mom/a": "a",
      "s/momentum/b": "bb",
      "s/momentum/d/c": "",
      "s/m*": "x",
    });
    const listed = async (prefix?: string) => [...(await repository.list(commit, prefix)).keys()];
    expect(await listed()).toEqual(["s/m*", "s/mom/a", "s/momentum/b", "s/momentum/d/c"]);
    expect(await listed("s/mom")).toEqual(["s/mom/a"]);
    expect(await listed("s/momentum/")).toEqual(["s/momentum/b", "s/momentum/d/c"]);
    expect(await listed("s/m*")).toEqual(["s/m*"]);
    expect(await listed("nothing")).toEqual([]);
    expect((await repository.list(commit)).get(path("s/momentum/b"))).toMatchObject({ mode: "100644", sizeBytes: 2 });
    await expect(repository.list(commit, "../x")).rejects.toThrow("not a path");
  });

  test("bytes come back as they went in", async () => {
    const bytes = Uint8Array.from({ length: 3_000 }, (_, index) => index % 256);
    const tree = await repository.writeTree(null, new Map([[path("bin"), bytes]]));
    const blob = (await repository.list(tree)).get(path("bin"))!.blob;
    const read = await repository.read([blob, blob]);
    expect([read.size, Buffer.from(read.get(blob)!).equals(bytes)]).toEqual([1, true]);
    await expect(repository.read([absent as BlobSha])).rejects.toMatchObject({ code: "git-failed" });
    expect((await repository.read([])).size).toBe(0);
  });

  test("readPaths: many paths of many trees at once; a folder and what is missing are undefined, a missing tree is a fault", async () => {
    const one = await commitFiles(repository, { "d/a b": "1", 'q"': "2" });
    const two = await commitFiles(repository, { "d/a b": "3" });
    const wanted = [one, two].flatMap((tree) =>
      ["d/a b", 'q"', "d", "nothing"].map((name) => ({ tree, path: path(name) })),
    );
    const read = await repository.readPaths(wanted);
    expect(read.map((bytes) => (bytes === undefined ? undefined : Buffer.from(bytes).toString()))).toEqual([
      ...["1", "2", undefined, undefined],
      ...["3", undefined, undefined, undefined],
    ]);
    await expect(repository.readPaths([{ tree: absent as CommitSha, path: path("a") }])).rejects.toMatchObject({
      code: "git-failed",
    });
  });

  test("a path in someone's tree that a work tree must not get is a fault that names it", async () => {
    const blob = git(repository.directory, "hash-object", "-w", "--stdin", "/dev/null").trim().split("\n")[0];
    const info = `100644,${blob},a\\b`;
    const index = join(place.folder, "index");
    git(
      repository.directory,
      "-c",
      "core.protectNTFS=false",
      "-c",
      `alias.put=!GIT_INDEX_FILE=${index} git update-index --add --cacheinfo`,
      "put",
      info,
    );
    const tree = git(repository.directory, "-c", `alias.wt=!GIT_INDEX_FILE=${index} git write-tree`, "wt").trim();
    await expect(repository.list(tree as CommitSha)).rejects.toMatchObject({ code: "git-path-malformed" });
  });
});

describe("writeTree", () => {
  test("keeps untouched subtrees, and modes of what stays a file", async () => {
    const base = await commitFiles(repository, { "a/x": "1\n", "b/y": "1\n" });
    const blob = (await repository.list(base)).get(path("a/x"))!.blob;
    const index = join(place.folder, "index-mode");
    const put = `alias.put=!GIT_INDEX_FILE=${index} git update-index --add --cacheinfo`;
    git(repository.directory, "-c", put, "put", `100755,${blob},run`);
    git(repository.directory, "-c", put, "put", `120000,${blob},link`);
    const executable = git(repository.directory, "-c", `alias.wt=!GIT_INDEX_FILE=${index} git write-tree`, "wt").trim();
    const tree = await repository.writeTree(executable as never, changes({ run: "2\n", link: "2\n" }));
    const modes = [...(await repository.list(tree))].map(([name, { mode }]) => `${name} ${mode}`);
    expect(modes).toEqual(["link 100644", "run 100755"]);

    const next = await commitFiles(repository, { "a/x": "2\n" }, [base]);
    const subtree = (commit: string) => git(repository.directory, "rev-parse", `${commit}:b`);
    expect(subtree(next)).toBe(subtree(base));
  });

  test("removing what is not there, or is a folder, changes nothing", async () => {
    const base = (await repository.commit(await commitFiles(repository, { "a/x": "1\n" }))).tree;
    expect(await repository.writeTree(base, changes({ a: null, nothing: null, "a/x/y": null }))).toBe(base);
  });

  test("the last file of a folder takes the folder with it", async () => {
    const base = (await repository.commit(await commitFiles(repository, { "a/b/x": "1\n", y: "1\n" }))).tree;
    const tree = await repository.writeTree(base, changes({ "a/b/x": null }));
    expect(git(repository.directory, "ls-tree", "--name-only", tree).trim()).toBe("y");
  });

  test("a file and a folder of one name contradict each other: a bug", async () => {
    await expect(repository.writeTree(null, changes({ a: "1", "a/b": "2" }))).rejects.toThrow(
      "a cannot be a file and the folder of a/b",
    );
    await expect(repository.writeTree(null, new Map([["../x" as TreePath, "1"]]))).rejects.toThrow("not a path");
  });

  test("equals a model map for any change sets", async () => {
    const part = fc.constantFrom("a", "b", "c", "d e", 'q"', "é");
    const file = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => path(parts.join("/")));
    const content = fc.option(
      fc.oneof(fc.string({ maxLength: 20 }), fc.constant("\n"), fc.constant("data 5\ndone\n")),
      { nil: null },
    );
    const changeSet = fc.array(fc.tuple(file, content), { maxLength: 8 }).map((pairs) => new Map(pairs));
    const consistent = (set: ReadonlyMap<TreePath, string | null>): boolean =>
      [...set.keys()].every((one) =>
        [...set].every(([other, text]) => text === null || set.get(one) === null || !one.startsWith(`${other}/`)),
      );
    await fc.assert(
      fc.asyncProperty(fc.array(changeSet.filter(consistent), { minLength: 1, maxLength: 3 }), async (sets) => {
        const model = new Map<TreePath, string>();
        let tree = await repository.writeTree(null, new Map());
        for (const set of sets) {
          for (const [name, text] of set) if (text === null) model.delete(name);
          for (const [name, text] of set) {
            if (text === null) continue;
            for (const known of [...model.keys()])
              if (known.startsWith(`${name}/`) || name.startsWith(`${known}/`)) model.delete(known);
            model.set(name, text);
          }
          tree = await repository.writeTree(tree, set);
        }
        const listed = await repository.list(tree);
        const blobs = await repository.read([...listed.values()].map(({ blob }) => blob));
        const read = [...listed].map(([name, { blob }]) => [name, Buffer.from(blobs.get(blob)!).toString()] as const);
        expect(new Map(read)).toEqual(new Map([...model].map(([name, text]) => [name, Buffer.from(text).toString()])));
        // The same files written at once have the same id.
        expect(await repository.writeTree(null, model)).toBe(tree);
      }),
      { numRuns: 25 },
    );
  });
});

describe("merges and differences", () => {
  test("a merge is of both sides; a conflict names its paths", async () => {
    const base = await commitFiles(repository, { a: "1\n", b: "1\n", "d/c": "1\n" });
    const left = await commitFiles(repository, { a: "2\n" }, [base]);
    const right = await commitFiles(repository, { b: "2\n" }, [base]);
    const both = await commitFiles(repository, { a: "2\n", b: "2\n" }, [base]);
    expect(await repository.mergeTree(left, right)).toEqual({ ok: true, value: (await repository.commit(both)).tree });
    const other = await commitFiles(repository, { a: "3\n", "d/c": null }, [base]);
    const third = await commitFiles(repository, { a: "2\n", "d/c": "2\n" }, [base]);
    expect(await repository.mergeTree(third, other)).toEqual({
      ok: false,
      error: { code: "merge-conflict", paths: ["a", "d/c"] },
    });
    expect(await repository.mergeBase(left, right)).toBe(base);
  });

  test("without a common ancestor: a merge from nothing, no merge base", async () => {
    const one = await commitFiles(repository, { a: "1\n" });
    const other = await commitFiles(repository, { b: "1\n" });
    expect((await repository.mergeTree(one, other)).ok).toBe(true);
    expect(await repository.mergeTree(one, await commitFiles(repository, { a: "2\n" }))).toMatchObject({
      error: { paths: ["a"] },
    });
    expect(await repository.mergeBase(one, other)).toBeUndefined();
  });

  test("a file that is renamed on one side keeps the other's change; a new one does not follow a renamed folder", async () => {
    const text = "a line\n".repeat(20);
    const base = await commitFiles(repository, { "s/one": text, "s/two": `${text}two\n` });
    const renamed = await commitFiles(
      repository,
      { "s/one": null, "s/two": null, "t/one": text, "t/two": `${text}two\n` },
      [base],
    );
    const changed = await commitFiles(repository, { "s/one": `${text}more\n`, "s/new": "new\n" }, [base]);
    const merged = await repository.mergeTree(renamed, changed);
    const expected = await commitFiles(repository, {
      "s/new": "new\n",
      "t/one": `${text}more\n`,
      "t/two": `${text}two\n`,
    });
    expect(merged).toEqual({ ok: true, value: (await repository.commit(expected)).tree });
  });

  test("changed paths with their status, and the text for people", async () => {
    const from = await commitFiles(repository, { a: "1\n", "b c": "1\n", d: "1\n" });
    const to = await commitFiles(repository, { a: null, "b c": "2\n", "e/f": "1\n" }, [from]);
    expect(await repository.changedPaths(from, to)).toEqual([
      { path: "a", status: "deleted" },
      { path: "b c", status: "modified" },
      { path: "e/f", status: "added" },
    ]);
    expect(await repository.changedPaths(from, from)).toEqual([]);
    expect(await repository.diffText(from, to, "b c")).toContain("-1\n+2\n");
    expect(await repository.diffText(from, to, "b c")).not.toContain("e/f");
    expect(await repository.diffText(from, from)).toBe("");
  });

  test("a text that is too long is cut and says so", async () => {
    const from = await commitFiles(repository, { big: "" });
    const to = await commitFiles(repository, { big: "0123456789abcde\n".repeat(600_000) }, [from]);
    const text = await repository.diffText(from, to);
    expect([text.length < 8.1 * 1024 ** 2, text.slice(-30)]).toEqual([true, expect.stringContaining("cut after")]);
  });
});

describe("the environment", () => {
  let other: Scratch;
  beforeEach(async () => {
    other = await scratch();
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await other.close();
  });

  test("no hook, no configuration and no GIT_ variable of the user's has a say", async () => {
    const { directory } = await open(other);
    const trap = join(other.folder, "trap");
    await mkdir(join(directory, "hooks"));
    await writeFile(join(directory, "hooks", "reference-transaction"), `#!/bin/sh\ntouch ${trap}\n`, { mode: 0o755 });
    await writeFile(
      join(other.folder, ".gitconfig"),
      `[core]\n\thooksPath = ${directory}/hooks\n[alias]\n\tcat-file = !touch ${trap}\n`,
    );
    vi.stubEnv("HOME", other.folder);
    vi.stubEnv("GIT_DIR", "/nonexistent");
    vi.stubEnv("GIT_OBJECT_DIRECTORY", "/nonexistent");
    vi.stubEnv("GIT_CONFIG_GLOBAL", join(other.folder, ".gitconfig"));
    vi.stubEnv("GIT_EDITOR", `touch ${trap}`);
    const again = await openRepository(directory);
    const commit = await commitFiles(again, { a: "1\n" });
    expect(await again.updateRef(branchRef("main"), commit, null)).toEqual({ ok: true, value: undefined });
    expect(await again.history(commit)).toHaveLength(1);
    expect(await readdir(other.folder)).not.toContain("trap");
  });
});
