import { assert } from "#core/result.ts";
import type { Comment, ForgeApi, MergeAnswer, Pull, Review, Status } from "#forge/remote/api.ts";
import { branchRef } from "#git/open.ts";
import type { CommitSha, Repository } from "#git/port.ts";

/** A forge on no network at all, for what the adapter makes of any: it keeps what it is told, and has no rules of its own. */
export interface MemoryForge {
  /** Its interface, in the hands of someone; `calls` counts theirs. */
  as(login: string): { readonly api: ForgeApi; calls(): number };
}

interface Stored {
  pull: Pull;
  readonly comments: (Comment & { readonly author: string })[];
  readonly reviews: Review[];
}

export function memoryForge(repository: Repository): MemoryForge {
  const pulls: Stored[] = [];
  const statuses: { readonly sha: CommitSha; readonly context: string; readonly status: Status }[] = [];
  let ids = 0;
  let now = 1_700_000_000;
  /** Nothing happens twice within a second. */
  const tick = (): number => {
    now += 1;
    return now;
  };
  const stored = async (number: number): Promise<Stored | undefined> => {
    const found = pulls[number - 1];
    if (found?.pull.state !== "open") return found;
    const tip = await repository.resolve(branchRef(found.pull.branch));
    if (tip !== undefined) found.pull = { ...found.pull, head: tip };
    return found;
  };
  const known = async (number: number): Promise<Stored> => {
    const found = await stored(number);
    assert(found !== undefined, `there is no pull request ${number}`);
    return found;
  };
  const apiOf = (login: string): ForgeApi => ({
    kind: "gitea",
    compareUrl: (base, head) => `https://forge.test/o/n/compare/${base}...${head}`,
    login: async () => login,
    pull: async (number) => (await stored(number))?.pull,
    pullOf: async (commit) => pulls.find(({ pull }) => pull.mergedAs === commit)?.pull,
    async pulls({ open, branch, target }) {
      const all = await Promise.all(pulls.map(({ pull }) => known(pull.number)));
      return all
        .map(({ pull }) => pull)
        .filter((pull) => open === undefined || (pull.state === "open") === open)
        .filter((pull) => (branch ?? pull.branch) === pull.branch && (target ?? pull.target) === pull.target)
        .toReversed();
    },
    async openPull({ title, body, branch, target }) {
      const head = await repository.resolve(branchRef(branch));
      if (head === undefined) return "branch-missing";
      const same = pulls.some(({ pull }) => pull.state === "open" && pull.branch === branch && pull.target === target);
      if (same) return "exists";
      const [number, openedSeconds] = [pulls.length + 1, tick()];
      const words = { title, body, author: login, authorEmail: `${login}@example.test` };
      const pull: Pull = {
        ...{ number, ...words, branch, target, head, openedSeconds },
        ...{ state: "open", fork: false, mergedAs: undefined, labels: [], asked: [] },
      };
      pulls.push({ pull, comments: [], reviews: [] });
      return pull;
    },
    async editPull(number, change) {
      const found = await known(number);
      found.pull = { ...found.pull, ...change };
      return found.pull;
    },
    statuses: async (sha, context) =>
      statuses
        .filter((each) => each.sha === sha && each.context === context)
        .map(({ status }) => status)
        .toReversed(),
    async writeStatus(sha, { context, ...status }) {
      statuses.push({ sha, context, status: { ...status, writer: login, createdSeconds: tick() } });
    },
    comments: async (number) => (await known(number)).comments,
    async addComment(number, body) {
      ids += 1;
      const comment = { id: ids, body, author: login, createdSeconds: tick() };
      (await known(number)).comments.push(comment);
    },
    async editComment(id, body) {
      for (const { comments } of pulls) {
        const index = comments.findIndex((comment) => comment.id === id);
        const found = comments[index];
        if (found !== undefined) comments[index] = { ...found, body, author: login };
      }
    },
    async removeComment(id) {
      for (const { comments } of pulls)
        comments.splice(0, comments.length, ...comments.filter((each) => each.id !== id));
    },
    reviews: async (number) => (await known(number)).reviews,
    async addLabel(number, label) {
      const found = await known(number);
      found.pull = { ...found.pull, labels: [...found.pull.labels, label] };
    },
    async removeLabel(number, label) {
      const found = await known(number);
      found.pull = { ...found.pull, labels: found.pull.labels.filter((each) => each !== label) };
    },
    async askReview(number, asked) {
      const found = await known(number);
      if (asked !== "nobody") found.pull = { ...found.pull, asked: [...found.pull.asked, asked] };
    },
    async approve(number, commit) {
      const review = { by: login, email: undefined, state: "approved", commit, submittedSeconds: tick() } as const;
      const found = await known(number);
      found.reviews.push(review);
      found.pull = { ...found.pull, asked: found.pull.asked.filter((each) => each !== login) };
    },
    async merge(number, { head, title, body }): Promise<MergeAnswer> {
      const found = await known(number);
      const base = await repository.resolve(branchRef(found.pull.target));
      if (found.pull.state !== "open" || found.pull.head !== head || base === undefined) return { end: "head-moved" };
      const tree = await repository.mergeTree(base, head);
      if (!tree.ok) return { end: "refused", said: "it conflicts" };
      const by = { name: login, email: `${login}@example.test`, timeSeconds: tick() };
      const message = `${title}\n\n${body}\n`;
      const commit = await repository.writeCommit({
        tree: tree.value,
        parents: [base, head],
        author: by,
        committer: by,
        message,
      });
      const moved = await repository.updateRef(branchRef(found.pull.target), commit, base);
      if (!moved.ok) return { end: "head-moved" };
      found.pull = { ...found.pull, state: "merged", mergedAs: commit };
      return { end: "merged" };
    },
    branchTip: (branch) => repository.resolve(branchRef(branch)),
  });
  return {
    as(login) {
      let calls = 0;
      const api = new Proxy(apiOf(login), {
        get(target, key: keyof ForgeApi) {
          if (key !== "kind" && key !== "compareUrl") calls += 1;
          return target[key];
        },
      });
      return { api, calls: () => calls };
    },
  };
}
