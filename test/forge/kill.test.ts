import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { localForge } from "#forge/local.ts";
import { branchRef, openRepository } from "#git/open.ts";
import type { Repository } from "#git/port.ts";
import { type ForgeFixture, judged, main, mergeRequest, push, request, value } from "../contract/forge-contract.ts";
import { openLocal } from "./fixture.ts";

// Kills real processes at moments that differ from run to run; what is checked holds for every moment.
const rounds = 8;
let fixture: ForgeFixture;

beforeEach(async () => {
  fixture = await openLocal();
  await push(fixture.repository, main, { "README.md": "one\n" });
});
afterEach(() => fixture.close());

/** Runs the writer until it is `bytes` of output and then `turns` turns of the event loop further, and kills it with its git processes. */
async function killedWriter(repository: Repository, first: number, delayMs: number): Promise<number> {
  const program = join(import.meta.dirname, "writer.ts");
  // A group of its own, so that the git processes under it die at the same moment.
  const child: ChildProcess = spawn(process.execPath, [program, repository.directory, String(first)], {
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    output += chunk.toString();
    // The first line says that the loop is at work: from there on any moment is a good one.
    if (output === chunk.toString()) setTimeout(() => process.kill(-(child.pid ?? 0), "SIGKILL"), delayMs);
  });
  const [, signal] = await once(child, "close");
  expect(signal).toBe("SIGKILL");
  return Number(output.trim().split("\n").at(-1));
}

test("kill -9 at any moment: the repository is whole, and the same work done again lands once", async () => {
  let first = 1;
  for (let round = 0; round < rounds; round += 1) {
    const last = await killedWriter(fixture.repository, first, Math.floor(Math.random() * 250));
    const { directory } = fixture.repository;
    // Throws when fsck finds an error; dangling objects are none.
    execFileSync("git", ["--git-dir", directory, "fsck", "--full", "--no-dangling"], { stdio: "pipe" });

    const repository = await openRepository(directory, { staleLockSeconds: 0.2, warn: () => undefined });
    const forge = localForge({ repository, clock: () => 1_700_000_000_000 });
    const branch = branchRef(`writer/${last}`);
    const known = await forge.list({ branch });
    const proposal = known[0] ?? value(await forge.open(request(branch)));
    const commit =
      proposal.mergedAs ??
      value(await forge.merge(proposal.number, mergeRequest(await judged({ forge, repository }, proposal)))).commit;
    const tip = (await repository.resolve(main))!;
    expect(tip).toBe(commit);
    // One proposal and one merge commit for each round of the writer so far.
    const all = await forge.list();
    expect(all.map(({ state }) => state)).toEqual(Array.from({ length: last }, () => "merged"));
    expect(new Set(all.map((each) => each.branch)).size).toBe(last);
    const history = await repository.history(tip);
    expect(history.map(({ message }) => /^Proposal: (\d+)$/m.exec(message)?.[1])).toEqual([
      ...all.map(({ number }) => String(number)),
      undefined,
    ]);
    expect((await repository.list(tip, "files")).size).toBe(last);
    first = last + 1;
  }
});
