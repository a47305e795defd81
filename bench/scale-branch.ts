// The environment branch that the scale bench's Argo CD reads.
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { renderBootstrap } from "#charts/bootstrap.ts";
import { slipwayIdentity } from "#core/committer.ts";
import type { JsonObject } from "#core/json.ts";
import { environmentRef, treePath } from "#delivery/names.ts";
import { initBareRepository } from "#git/open.ts";
import type { CommitSha, Repository, TreePath } from "#git/port.ts";
import type { ApiClient } from "../test/apiserver/client.ts";
import { changedPaths } from "./scale-shape.ts";

type Files = ReadonlyMap<string, string>;

export interface Written {
  readonly before: CommitSha | undefined;
  readonly after: CommitSha;
  readonly changed: readonly string[];
}

export class Branch {
  readonly #repository: Repository;
  readonly #ref = environmentRef("paper");
  #files: Files = new Map();
  #tip: CommitSha | undefined;
  #seconds = 0;

  private constructor(repository: Repository) {
    this.#repository = repository;
  }

  static async create(folder: string): Promise<Branch> {
    return new Branch(await initBareRepository(join(folder, "forge.git")));
  }

  get directory(): string {
    return this.#repository.directory;
  }

  get files(): Files {
    return this.#files;
  }

  /** One commit that makes the branch hold these files. */
  async write(files: Files, message: string): Promise<Written> {
    const changed = changedPaths(this.#files, files);
    const changes = new Map<TreePath, string | null>(changed.map((path) => [treePath(path), files.get(path) ?? null]));
    const before = this.#tip;
    const base = before === undefined ? null : (await this.#repository.commit(before)).tree;
    this.#seconds += 1;
    const signature = { ...slipwayIdentity, timeSeconds: this.#seconds };
    const after = await this.#repository.writeCommit({
      tree: await this.#repository.writeTree(base, changes),
      parents: before === undefined ? [] : [before],
      author: signature,
      committer: signature,
      message: `${message}\n`,
    });
    const moved = await this.#repository.updateRef(this.#ref, after, before ?? null);
    if (!moved.ok) throw new Error("somebody else has moved the branch");
    this.#tip = after;
    this.#files = files;
    return { before, after, changed };
  }
}

/** What an administrator does once. */
export async function applyBootstrap(client: ApiClient, files: Files): Promise<void> {
  for (const document of parseAllDocuments(renderBootstrap("paper", files))) {
    const object: JsonObject = document.toJS();
    const { ok, message } = await client.apply(object, { fieldManager: "kubectl" });
    if (!ok) throw new Error(message);
  }
}
