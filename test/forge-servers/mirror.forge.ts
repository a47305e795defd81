// A repository whose refs live on a forge: the forge's answer to a push is the answer.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, inject, test } from "vitest";
import { mirrorOf } from "#git/mirror.ts";
import { branchRef, initBareRepository } from "#git/open.ts";
import type { CommitSha, Mirror } from "#git/port.ts";
import { main, push } from "../contract/forge-contract.ts";
import { type GiteaFixture, openGitea } from "./gitea-fixture.ts";

const topic = branchRef("alice/topic");
let fixture: GiteaFixture;
let alices: Mirror;
let bobs: Mirror;
let base: CommitSha;

beforeEach(async () => {
  fixture = await openGitea();
  alices = (await fixture.open("alice")).repository;
  bobs = (await fixture.open("bob")).repository;
  base = (await alices.resolve(main))!;
});
afterEach(() => fixture.close());

async function child(repository: Mirror, parent: CommitSha, text: string): Promise<CommitSha> {
  const { tree } = await repository.commit(parent);
  const by = { name: "alice", email: "alice@example.test", timeSeconds: 1_000 };
  return repository.writeCommit({ tree, parents: [parent], author: by, committer: by, message: `${text}\n` });
}

describe("a ref", () => {
  test("is made once: whoever comes second is told what stands there", async () => {
    const [ones, others] = [await child(alices, base, "one"), await child(bobs, base, "two")];
    expect(await alices.updateRef(topic, ones, null)).toEqual({ ok: true, value: undefined });
    expect(await bobs.updateRef(topic, others, null)).toEqual({
      ok: false,
      error: { code: "ref-moved", ref: topic, expected: null, found: ones },
    });
    expect(await bobs.resolve(topic)).toBe(ones);
  });

  test("moves only from where it was expected, forwards or not, and is deleted only from there", async () => {
    const [first, second] = [await child(alices, base, "one"), await child(alices, base, "beside it")];
    await alices.updateRef(topic, first, null);
    await bobs.fetch();
    expect(await alices.updateRef(topic, second, first)).toMatchObject({ ok: true });
    expect(await bobs.updateRef(topic, null, first)).toMatchObject({ error: { code: "ref-moved", found: second } });
    expect(await bobs.updateRef(topic, null, second)).toMatchObject({ ok: true });
    await alices.fetch();
    expect(await alices.resolve(topic)).toBeUndefined();
  });

  test("of two that move it at once, one does", async () => {
    const [ones, others] = [await child(alices, base, "one"), await child(bobs, base, "two")];
    const ends = await Promise.all([alices.updateRef(topic, ones, null), bobs.updateRef(topic, others, null)]);
    expect(ends.filter(({ ok }) => ok)).toHaveLength(1);
  });

  test("that stands there already may be pushed again: an answer may have been lost", async () => {
    const first = await child(alices, base, "one");
    await alices.updateRef(topic, first, null);
    await bobs.fetch();
    expect(await bobs.updateRef(topic, first, first)).toMatchObject({ ok: true });
  });

  test("that the forge protects is refused in its words", async () => {
    const next = await child(alices, base, "past the gate");
    await expect(alices.updateRef(main, next, base)).rejects.toMatchObject({
      code: "git-push-refused",
      message: expect.stringMatching(/refs\/heads\/main.*protected branch/),
    });
    expect(await bobs.resolve(main)).toBe(base);
  });
});

test("a fetch that starts during another one sees what was pushed before it", async () => {
  const early = bobs.fetch();
  const head = await push(alices, topic, { "b/file": "1\n" }, { from: main });
  await Promise.all([early, bobs.fetch()]);
  expect(await bobs.resolve(topic)).toBe(head);
});

describe("what the outside may not do", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "slipway-mirror-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  test("a wrong token is a fault that does not tell it", async () => {
    const secret = Buffer.from("alice:0123456789abcdef").toString("base64");
    const mirror = await mirrorOf(await initBareRepository(join(folder, "mirror.git")), {
      url: `${inject("gitea").url}/${fixture.owner}/${fixture.name}.git`,
      authorization: () => Promise.resolve(`Basic ${secret}`),
    });
    const failed: unknown = await mirror.fetch().catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: "git-remote-failed" });
    expect(`${failed} ${JSON.stringify(failed)}`).not.toContain(secret);
  });

  test.each([
    "file:///etc",
    "ext::sh -c touch% /tmp/x",
    "ssh://git@example.test/x.git",
    "http://git.example.test/x.git",
    "https://alice:secret@git.example.test/x.git",
    "--upload-pack=touch /tmp/x",
    "/etc",
  ])("%s is no address of a remote", async (url) => {
    const repository = await initBareRepository(join(folder, "mirror.git"));
    await expect(mirrorOf(repository, { url })).rejects.toMatchObject({ code: "git-remote-malformed" });
  });
});
