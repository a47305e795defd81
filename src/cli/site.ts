import { existsSync } from "node:fs";
import { join } from "node:path";
import type { NameMalformed } from "#core/identity.ts";
import type { Finding } from "#core/refusal.ts";
import { err, ok, type Result, unreachable } from "#core/result.ts";
import type { Memo } from "#delivery/memo.ts";
import type { Forge, ForgeRefusal } from "#forge/port.ts";
import type { Mirror, Repository } from "#git/port.ts";
import { type CommandContext, finding } from "./context.ts";
import { findRepository, isInside, stateDirectory } from "./paths.ts";

/** The one environment that the embedded cluster runs. */
export const embeddedEnvironment = "paper";

/** A checkout and where its forge, logs and lock live. */
export interface Place {
  /** Absolute path of the person's repository; only read. */
  readonly checkout: string;
  readonly state: string;
}

export interface Site extends Place {
  readonly repository: Repository;
  readonly forge: Forge;
  /** The repository, where its refs live on a forge on the network: there Slipway's server judges, and not this process. */
  readonly mirror?: Mirror;
}

export function findPlace(context: CommandContext): Result<Place, Finding> {
  const checkout = findRepository(context.cwd, context.options.directory);
  if (!checkout.ok) return checkout;
  context.out.readFrom(checkout.value);
  const state = stateDirectory(checkout.value, context.options.state, context.variables, context.cwd);
  if (isInside(checkout.value, state))
    return err(
      finding(
        "state-in-checkout",
        `the state directory ${state} lies in the checkout ${checkout.value}, which Slipway never writes to`,
        "name one outside of it with --state or $SLIPWAY_STATE, or leave both out",
      ),
    );
  return ok({ checkout: checkout.value, state });
}

/** Volumes, logs and identities of the embedded cluster. */
export function clusterDirectory(state: string): string {
  return join(state, "cluster");
}

export function strategyMalformed(malformed: NameMalformed): Finding {
  return finding(
    malformed.code,
    `${JSON.stringify(malformed.text)} is no strategy's name`,
    `allowed is ${malformed.allowed}`,
  );
}

export function forgeDirectory(state: string): string {
  return join(state, "forge.git");
}

/** Remembers what is worked out of specs and policies, and shares what is worth it with the site's other processes. */
export async function siteMemo({ state }: Place): Promise<Memo> {
  const { createMemo } = await import("#delivery/memo.ts");
  const { readTool } = await import("#delivery/renderer.ts");
  const { openSpecIndex } = await import("#delivery/spec-index-file.ts");
  return createMemo({ specs: await openSpecIndex(state, await readTool()) });
}

/** Opens the forge that is there: the one that `forge.yaml` names, or this machine's. A repository that was never deployed has none. */
export async function openSite(context: CommandContext): Promise<Result<Site, Finding>> {
  const place = findPlace(context);
  if (!place.ok) return place;
  const { openNamed } = await import("./forge-site.ts");
  const named = await openNamed(context, place.value);
  if (!named.ok) return named;
  if (named.value !== undefined) return ok(named.value);
  const directory = forgeDirectory(place.value.state);
  if (!existsSync(directory)) {
    return err(
      finding(
        "forge-missing",
        "nothing was proposed from this repository yet, so there is no forge",
        "run `slipway up`, or propose with `slipway deploy`",
      ),
    );
  }
  const { openRepository } = await import("#git/open.ts");
  return ok(await siteOf(place.value, await openRepository(directory), context.now));
}

/** Opens the forge or makes an empty one. */
export async function createSite(place: Place, now: () => number): Promise<Site> {
  const { initBareRepository } = await import("#git/open.ts");
  return siteOf(place, await initBareRepository(forgeDirectory(place.state)), now);
}

/** Git and the forge are read when they are needed: `check` needs neither. */
async function siteOf(place: Place, repository: Repository, now: () => number): Promise<Site> {
  const { localForge } = await import("#forge/local.ts");
  return { ...place, repository, forge: localForge({ repository, clock: now }) };
}

/** @returns undefined unless the text is a proposal's number, with or without `#` */
export function parseNumber(text: string): number | undefined {
  const digits = /^#?([1-9]\d{0,8})$/.exec(text)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

export function numberMalformed(text: string): Finding {
  return finding(
    "number-malformed",
    `${JSON.stringify(text)} is no proposal's number`,
    "write a number from `slipway proposals`, for example 42",
  );
}

/** A forge's refusal in a sentence. */
export function describeForgeRefusal(refusal: ForgeRefusal): Finding {
  const say = (message: string, fix: string): Finding => finding(refusal.code, message, fix);
  switch (refusal.code) {
    case "branch-missing":
      return say(`the branch ${refusal.branch} is not in the forge`, "propose it again");
    case "proposal-missing":
      return say(`there is no proposal #${refusal.number}`, "see `slipway proposals`");
    case "proposal-not-open":
      return say(
        `proposal #${refusal.number} is ${refusal.state} already`,
        "see `slipway proposals`; a change is a new proposal",
      );
    case "head-moved":
      return say(
        `proposal #${refusal.number} got newer commits while it was judged`,
        "run it again: the gate judges the new ones",
      );
    case "base-moved":
      return say(
        `main moved while proposal #${refusal.number} was judged`,
        "run it again: the gate judges the new merge result",
      );
    case "gate-not-passed":
      return say(
        `the gate of proposal #${refusal.number} is ${refusal.gate}`,
        `see \`slipway proposal ${refusal.number}\``,
      );
    case "self-approval":
      return say(
        `proposal #${refusal.number} is by ${refusal.by}, and nobody approves their own`,
        "someone else approves it, if it needs that",
      );
    case "merge-conflict":
      return say(
        `proposal #${refusal.number} conflicts with main in ${refusal.paths.join(", ")}`,
        "propose it again from a checkout that has main's change",
      );
    case "forge-rules":
      return say(
        `the forge's own rules stand against proposal #${refusal.number}: ${refusal.said}`,
        "do what they ask for, or ask whoever keeps the repository's settings",
      );
    case "title-malformed":
      return say(`the title ${JSON.stringify(refusal.title)} is not ${refusal.allowed}`, "write another with --title");
    case "description-malformed":
      return say(`the message is not ${refusal.allowed}`, "write another with --message");
    case "identity-malformed":
      return say(
        `${JSON.stringify(refusal.text)} is not ${refusal.allowed}`,
        "set git config user.name and user.email, or use --as",
      );
    default:
      return unreachable(refusal);
  }
}
