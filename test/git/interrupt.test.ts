import { chmod, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { branchRef, initBareRepository, openRepository } from "#git/open.ts";
import { commitFiles, git, type Scratch, scratch } from "./fixture.ts";

// A terminal's Ctrl-C reaches Git too, before it has left the process group or because simple-git leaves it in there.

let place: Scratch;
beforeEach(async () => {
  place = await scratch();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await place.close();
});

/** A Git that is ended by `signal` at the first `times` calls of each of its commands. */
async function stubGit(signal: string, times: number): Promise<{ readonly calls: () => Promise<number> }> {
  const bin = join(place.folder, "bin");
  const counts = join(place.folder, "counts");
  for (const folder of [bin, counts]) await mkdir(folder, { recursive: true });
  const real = join(git(place.folder, "--exec-path").trim(), "git");
  const script = `#!/bin/sh
key=none
for word; do case $word in --exec-path|version|init|rev-list|for-each-ref|hash-object|cat-file|update-ref) key=$word;; esac; done
mkdir "${counts}/$key.$$"
n=$(ls "${counts}" | grep -c "^$key\\.")
[ "$n" -le ${times} ] && kill -${signal} $$
[ "$key" = --exec-path ] && echo "${bin}" && exit
exec "${real}" "$@"
`;
  await writeFile(join(bin, "git"), script);
  await chmod(join(bin, "git"), 0o755);
  vi.stubEnv("PATH", `${bin}:/usr/bin:/bin`);
  return { calls: async () => (await readdir(counts)).length };
}

test("what Git was at is done again when SIGINT ended it, and its answer is whole", async () => {
  const { calls } = await stubGit("INT", 2);
  const repository = await initBareRepository(join(place.folder, "forge.git"));
  const main = branchRef("main");
  const first = await commitFiles(repository, { a: "1\n" });
  const second = await commitFiles(repository, { a: "2\n" }, [first]);
  expect(await repository.updateRef(main, second, null)).toMatchObject({ ok: true });
  expect(await repository.resolve(main)).toBe(second);
  expect((await repository.history(second)).map(({ sha }) => sha)).toEqual([second, first]);
  expect(await calls()).toBeGreaterThan(12);
});

test("a Git that is ended each time is a fault that says so, never an empty answer", async () => {
  const { directory } = await initBareRepository(join(place.folder, "forge.git"));
  await stubGit("INT", 1_000);
  await expect(openRepository(directory)).rejects.toMatchObject({
    code: "git-failed",
    message: expect.stringContaining("ended by a signal"),
  });
});

test("a history that was killed is not taken for an empty one", async () => {
  const directory = join(place.folder, "forge.git");
  const tip = await commitFiles(await initBareRepository(directory), { a: "1\n" });
  await stubGit("INT", 0);
  const repository = await openRepository(directory);
  await rm(join(place.folder, "counts"), { recursive: true });
  await stubGit("KILL", 1_000);
  await expect(repository.history(tip)).rejects.toMatchObject({ code: "git-failed" });
});
