import { spawn } from "node:child_process";
import { once } from "node:events";
import { utimesSync, writeFileSync } from "node:fs";
import { readdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { branchRef, openRepository, parseRefName } from "#git/open.ts";
import type { CommitSha, RefName, Repository } from "#git/port.ts";
import { commitFiles, git, open, type Scratch, scratch } from "./fixture.ts";

const main = branchRef("main");
let place: Scratch;
let repository: Repository;
let warnings: string[];
beforeEach(async () => {
  place = await scratch();
  warnings = [];
  repository = await open(place, { staleLockSeconds: 30, warn: (message) => warnings.push(message) });
});
afterEach(() => place.close());

function commits(count: number): Promise<readonly CommitSha[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => commitFiles(repository, { a: `${index}\n` })));
}

describe("compare and swap", () => {
  test("creates, moves, deletes, and says what it found instead", async () => {
    const [one, two] = (await commits(2)) as [CommitSha, CommitSha];
    const moved = (expected: CommitSha | null, found: CommitSha | null) => ({
      ok: false,
      error: { code: "ref-moved", ref: main, expected, found },
    });
    const done = { ok: true, value: undefined };
    expect(await repository.resolve(main)).toBeUndefined();
    expect(await repository.updateRef(main, two, one)).toEqual(moved(one, null));
    expect(await repository.updateRef(main, one, null)).toEqual(done);
    expect(await repository.updateRef(main, one, null)).toEqual(moved(null, one));
    expect(await repository.updateRef(main, two, two)).toEqual(moved(two, one));
    expect(await repository.updateRef(main, two, one)).toEqual(done);
    expect(await repository.updateRef(main, null, one)).toEqual(moved(one, two));
    expect(await repository.updateRef(main, null, two)).toEqual(done);
    expect(await repository.updateRef(main, null, null)).toEqual(done);
    expect(await repository.resolve(main)).toBeUndefined();
  });

  test("packed refs move like loose ones", async () => {
    const [one, two] = (await commits(2)) as [CommitSha, CommitSha];
    await repository.updateRef(main, one, null);
    git(repository.directory, "pack-refs", "--all");
    expect(await repository.updateRef(main, two, one)).toMatchObject({ ok: true });
    expect(await repository.updateRef(main, null, two)).toMatchObject({ ok: true });
    expect(await repository.resolve(main)).toBeUndefined();
  });

  test("of many at once exactly one wins", async () => {
    const all = await commits(12);
    const [base, ...rest] = all as [CommitSha, ...CommitSha[]];
    await repository.updateRef(main, base, null);
    const results = await Promise.all(rest.map((next) => repository.updateRef(main, next, base)));
    const winner = rest[results.findIndex(({ ok }) => ok)];
    expect(await repository.resolve(main)).toBe(winner);
    expect(results.filter(({ ok }) => ok)).toHaveLength(1);
    for (const result of results)
      if (!result.ok) expect(result.error).toMatchObject({ code: "ref-moved", found: winner });
  });

  test("counts right when two processes count at once", async () => {
    const program = join(import.meta.dirname, "count.ts");
    const children = ["left", "right"].map((name) =>
      spawn(process.execPath, [program, repository.directory, name, "12"], { stdio: ["ignore", "ignore", "inherit"] }),
    );
    const exits = await Promise.all(children.map(async (child) => (await once(child, "exit"))[0]));
    expect(exits).toEqual([0, 0]);
    const history = await repository.history((await repository.resolve(main))!);
    expect(history.map(({ message }) => Number(message.split(" ")[0]))).toEqual(
      Array.from({ length: 24 }, (_, index) => 24 - index),
    );
    expect(history.filter(({ message }) => message.includes("left"))).toHaveLength(12);
  });

  test("a name below another ref's name is a fault with Git's own words", async () => {
    const [one] = (await commits(1)) as [CommitSha];
    await repository.updateRef(main, one, null);
    await expect(repository.updateRef(branchRef("main/below"), one, null)).rejects.toMatchObject({
      code: "git-failed",
      message: expect.stringContaining("'refs/heads/main' exists"),
    });
  });
});

describe("a left-over lock", () => {
  async function lock(name: string, ageSeconds: number): Promise<string> {
    const file = join(repository.directory, name);
    await writeFile(file, "");
    const then = Date.now() / 1_000 - ageSeconds;
    await utimes(file, then, then);
    return file;
  }

  test.each(["refs/heads/main.lock", "HEAD.lock", "packed-refs.lock"])(
    "%s that is old is taken away, and that is said",
    async (name) => {
      const [one] = (await commits(1)) as [CommitSha];
      await repository.updateRef(main, one, null);
      git(repository.directory, "pack-refs", "--all");
      const file = await lock(name, 31);
      expect(await repository.updateRef(main, null, one)).toMatchObject({ ok: true });
      expect(warnings).toEqual([expect.stringContaining(`took away the left-over lock ${file}, `)]);
      expect(
        (await readdir(repository.directory, { recursive: true })).filter((each) => each.endsWith(".lock")),
      ).toEqual([]);
    },
  );

  test("is taken away once by many that wait for it", async () => {
    const all = await commits(6);
    await lock("refs/heads/main.lock", 31);
    const results = await Promise.all(all.map((next) => repository.updateRef(main, next, null)));
    expect(results.filter(({ ok }) => ok)).toHaveLength(1);
    expect(warnings).toHaveLength(1);
  });

  test.each([
    { name: "a fresh one", ageSeconds: 0 },
    { name: "one that was made before the clock was set back", ageSeconds: -3_600 },
  ])("$name is waited for", async ({ ageSeconds }) => {
    const [one] = (await commits(1)) as [CommitSha];
    const patient = await openRepository(repository.directory, {
      staleLockSeconds: 1,
      warn: (message) => warnings.push(message),
    });
    await lock("refs/heads/main.lock", ageSeconds);
    expect(await patient.updateRef(main, one, null)).toMatchObject({ ok: true });
    expect(warnings).toHaveLength(1);
  });

  test("one that others take again and again is waited for no longer while the clock is set back", async () => {
    const [one] = (await commits(1)) as [CommitSha];
    const patient = await openRepository(repository.directory, { staleLockSeconds: 2 });
    const file = await lock("refs/heads/main.lock", 0);
    vi.useFakeTimers({ toFake: ["Date"] });
    const taken = setInterval(() => {
      vi.setSystemTime(Date.now() - 60_000);
      writeFileSync(file, "");
      utimesSync(file, Date.now() / 1_000, Date.now() / 1_000);
    }, 50);
    try {
      await expect(patient.updateRef(main, one, null)).rejects.toMatchObject({ code: "git-ref-locked" });
    } finally {
      clearInterval(taken);
      vi.useRealTimers();
    }
  });
});

describe("refs", () => {
  test("below a prefix, whole parts only; an annotated tag is its commit", async () => {
    const [one, two] = (await commits(2)) as [CommitSha, CommitSha];
    const names = ["refs/heads/a", "refs/heads/a-b", "refs/heads/env/paper", "refs/refs/heads/x"].map((text) => {
      const parsed = parseRefName(text);
      if (!parsed.ok) throw new Error(text);
      return parsed.value;
    });
    for (const name of names) await repository.updateRef(name, one, null);
    git(repository.directory, "-c", "user.name=x", "-c", "user.email=x@y", "tag", "-m", "t", "v1", two);
    const below = async (prefix: string) => Object.fromEntries(await repository.refs(prefix));
    expect(await below("refs/heads/")).toEqual({
      "refs/heads/a": one,
      "refs/heads/a-b": one,
      "refs/heads/env/paper": one,
    });
    expect(await below("refs/heads/env/")).toEqual({ "refs/heads/env/paper": one });
    expect(await below("refs/heads/a")).toEqual({ "refs/heads/a": one });
    expect(await below("refs/tags")).toEqual({ "refs/tags/v1": two });
    expect(await below("refs/nothing/")).toEqual({});
    // Not even where Git's own rules would find refs/refs/heads/x.
    expect(await repository.resolve(branchRef("x"))).toBeUndefined();
    expect(await repository.resolve(branchRef("env"))).toBeUndefined();
    await expect(repository.resolve("--help" as RefName)).rejects.toThrow("not a ref name");
    await expect(repository.refs("--all")).rejects.toThrow("not a prefix");
  });

  test("one that stands for something else than a commit is a fault", async () => {
    const [one] = (await commits(1)) as [CommitSha];
    git(repository.directory, "update-ref", "refs/slipway/x", (await repository.commit(one)).tree);
    await expect(repository.refs("refs/slipway/")).rejects.toMatchObject({ code: "git-failed" });
  });
});
