import { mkdir, readdir, rename, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { branchRef, initBareRepository, openRepository } from "#git/open.ts";
import { checkGitVersion } from "#git/process.ts";
import { commitFiles, git, type Scratch, scratch } from "./fixture.ts";

let place: Scratch;
beforeEach(async () => {
  place = await scratch();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await place.close();
});

describe("initBareRepository", () => {
  test("makes one that Git takes, with main to come and nothing beside it", async () => {
    const directory = join(place.folder, "deep", "er", "forge.git");
    const repository = await initBareRepository(directory);
    expect(repository.directory).toBe(directory);
    expect(git(directory, "rev-parse", "--is-bare-repository").trim()).toBe("true");
    expect(git(directory, "symbolic-ref", "HEAD").trim()).toBe("refs/heads/main");
    expect(await readdir(join(directory, ".."))).toEqual(["forge.git"]);
  });

  test("twice, and many at once, is once", async () => {
    const directory = join(place.folder, "forge.git");
    const all = await Promise.all(Array.from({ length: 4 }, () => initBareRepository(directory)));
    const [first] = all;
    const commit = await commitFiles(first!, { a: "1\n" });
    await first!.updateRef(branchRef("main"), commit, null);
    expect(await (await initBareRepository(directory)).resolve(branchRef("main"))).toBe(commit);
    expect(await readdir(place.folder)).toEqual(["forge.git"]);
  });

  test("takes an empty folder as it is", async () => {
    const directory = join(place.folder, "forge.git");
    await mkdir(directory);
    await initBareRepository(directory);
    expect(git(directory, "rev-parse", "--is-bare-repository").trim()).toBe("true");
  });

  test.each([
    { name: "no config", missing: ["config"] },
    { name: "no HEAD", missing: ["HEAD"] },
    { name: "no objects", missing: ["objects"] },
    { name: "only refs", missing: ["config", "HEAD", "objects"] },
  ])("finishes one that was left half-done: $name", async ({ missing }) => {
    const directory = join(place.folder, "forge.git");
    await initBareRepository(directory);
    for (const name of missing) await rm(join(directory, name), { recursive: true });
    await writeFile(join(directory, "config.lock"), "");
    const repository = await initBareRepository(directory);
    const commit = await commitFiles(repository, { a: "1\n" });
    expect(await repository.updateRef(branchRef("main"), commit, null)).toMatchObject({ ok: true });
    expect(git(directory, "fsck").trim()).not.toContain("error");
  });

  test("removes what an earlier one, killed long ago, left beside it", async () => {
    const directory = join(place.folder, "forge.git");
    for (const [name, ageSeconds] of [
      ["forge.git.init-old", 61],
      ["forge.git.init-new", 0],
      ["forge.git.other", 61],
    ] as const) {
      await mkdir(join(place.folder, name));
      const then = Date.now() / 1_000 - ageSeconds;
      await utimes(join(place.folder, name), then, then);
    }
    await initBareRepository(directory);
    expect((await readdir(place.folder)).sort()).toEqual(["forge.git", "forge.git.init-new", "forge.git.other"]);
  });

  test("leaves a folder with something else in it alone", async () => {
    await writeFile(join(place.folder, "thesis.tex"), "years of work");
    await expect(initBareRepository(place.folder)).rejects.toThrow("it holds thesis.tex");
    expect(await readdir(place.folder)).toEqual(["thesis.tex"]);
  });
});

describe("openRepository", () => {
  test("a checkout by its root or its .git, and a linked work tree: the one repository", async () => {
    const checkout = join(place.folder, "checkout");
    git(place.folder, "init", "-q", "-b", "main", checkout);
    git(checkout, "-c", "user.name=x", "-c", "user.email=x@y", "commit", "-q", "--allow-empty", "-m", "one");
    const linked = join(place.folder, "linked");
    git(checkout, "worktree", "add", "-q", linked);
    const tip = git(checkout, "rev-parse", "main").trim();
    for (const directory of [checkout, join(checkout, ".git"), linked]) {
      const repository = await openRepository(directory);
      expect(repository.directory).toBe(join(checkout, ".git"));
      expect(await repository.resolve(branchRef("main"))).toBe(tip);
    }
  });

  test("never looks at the work tree or the index", async () => {
    const checkout = join(place.folder, "checkout");
    git(place.folder, "init", "-q", "-b", "main", checkout);
    await writeFile(join(checkout, ".gitattributes"), "* merge=union\n");
    await writeFile(join(checkout, "staged"), "1\n");
    git(checkout, "add", "staged");
    const before = git(checkout, "status", "--porcelain=v2");
    const repository = await openRepository(checkout);
    const base = await commitFiles(repository, { a: "1\n" });
    const [left, right] = [
      await commitFiles(repository, { a: "2\n" }, [base]),
      await commitFiles(repository, { a: "3\n" }, [base]),
    ];
    expect((await repository.mergeTree(left, right)).ok).toBe(false);
    expect(git(checkout, "status", "--porcelain=v2")).toBe(before);
  });

  test.each(["nothing", "."])("%s that is no repository is a fault that says what to do", async (name) => {
    await expect(openRepository(join(place.folder, name))).rejects.toMatchObject({
      code: "git-no-repository",
      message: expect.stringContaining("git init"),
    });
  });

  test("a repository that moved away is a fault at its next use", async () => {
    const repository = await initBareRepository(join(place.folder, "forge.git"));
    await rename(repository.directory, `${repository.directory}.away`);
    await expect(repository.resolve(branchRef("main"))).rejects.toMatchObject({ code: "git-failed" });
  });

  test("without Git on the PATH: a fault that says so", async () => {
    const { directory } = await initBareRepository(join(place.folder, "forge.git"));
    vi.stubEnv("PATH", place.folder);
    await expect(openRepository(directory)).rejects.toMatchObject({ code: "git-missing" });
  });

  test("with a Git that is too old: a fault that says which was found", async () => {
    const { directory } = await initBareRepository(join(place.folder, "forge.git"));
    await writeFile(join(place.folder, "git"), "#!/bin/sh\necho git version 2.37.9\n", { mode: 0o755 });
    vi.stubEnv("PATH", `${place.folder}:/usr/bin:/bin`);
    await expect(openRepository(directory)).rejects.toMatchObject({
      code: "git-too-old",
      message: expect.stringContaining("2.37.9"),
    });
  });
});

test.each([
  { found: "git version 2.38.0\n", ok: true },
  { found: "git version 2.39.5 (Apple Git-154)\n", ok: true },
  { found: "git version 3.0.0\n", ok: true },
  { found: "git version 2.37.9\n", ok: false },
  { found: "git version 1.99.0\n", ok: false },
  { found: "something else", ok: false },
])("version $found: $ok", ({ found, ok }) => {
  const check = () => checkGitVersion(found);
  if (ok) expect(check).not.toThrow();
  else expect(check).toThrow(JSON.stringify(found.trim()));
});
