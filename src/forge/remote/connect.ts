import { mirrorOf } from "#git/mirror.ts";
import type { Mirror, Repository } from "#git/port.ts";
import type { BranchRulesApi } from "../branch-rules.ts";
import type { Forge } from "../port.ts";
import type { ForgeApi } from "./api.ts";
import { contentBudget } from "./budget.ts";
import { remoteForge } from "./forge.ts";
import type { Trust } from "./trust.ts";

/** What every forge on the network is told. */
export interface ConnectOptions {
  readonly owner: string;
  readonly name: string;
  /** The login of Slipway's own account, of a GitHub App `<name>[bot]`: only its statuses and comments are believed. */
  readonly writer: string;
  /** A bare repository on this machine, for nothing else. */
  readonly mirror: Repository;
  /** Milliseconds since any moment, by a clock that nobody sets. */
  readonly steady: () => number;
  readonly pause: (ms: number) => Promise<void>;
  readonly pageSize?: number;
  /** Default: whom the machine believes. */
  readonly trust?: Trust;
}

export interface Connected {
  readonly forge: Forge;
  readonly repository: Mirror;
  /** What the forge holds people to on its branches. */
  readonly rules: BranchRulesApi;
}

/** How one forge is spoken to. */
export interface Connection {
  readonly api: ForgeApi;
  readonly rules: BranchRulesApi;
  /** `https://git.example.org`, without a slash at the end. */
  readonly webUrl: string;
  /** What Git sends with a fetch or a push. */
  readonly authorization: () => Promise<string>;
}

export async function connectForge(
  { owner, name, writer, mirror, steady, pause, trust }: ConnectOptions,
  { api, rules, webUrl, authorization }: Connection,
): Promise<Connected> {
  const repository = await mirrorOf(mirror, {
    url: `${webUrl}/${encodeURIComponent(owner)}/${encodeURIComponent(name)}.git`,
    authorization,
    ...(trust === undefined ? {} : { authorityFile: trust.authorityFile }),
  });
  return {
    ...{ repository, rules },
    forge: remoteForge({ api, repository, writer, budget: contentBudget({ steady, pause }), pause }),
  };
}
