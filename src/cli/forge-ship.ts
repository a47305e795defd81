import { Fault } from "#core/result.ts";
import { preview, type Verdict } from "#delivery/gate.ts";
import type { Memo } from "#delivery/memo.ts";
import type { Forge } from "#forge/port.ts";
import type { Mirror } from "#git/port.ts";
import { type CommandContext, type CommandResult, done, type JsonDocument } from "./context.ts";
import { renderedAs } from "./rendered.ts";
import type { Arrival } from "./ship.ts";
import type { Site } from "./site.ts";

/** How often the forge is asked while its server works: each look is some requests. */
const lookMs = 1_000;

/** What a merge does on a forge whose server judges; nothing where this process does. */
export function awaiting(context: CommandContext, { mirror }: Site): { readonly awaitServer?: () => Promise<void> } {
  if (mirror === undefined) return {};
  return {
    awaitServer: async () => {
      await context.pause(lookMs);
      await mirror.fetch();
    },
  };
}

/**
 * What Slipway's server says of a proposal, once it has judged it as it stands. What is shown beside it is worked out here, from the same two trees;
 * whether it passed is the server's word alone.
 *
 * @throws Fault `gate-silent` when no server judges it in time
 */
export async function serverVerdict(
  context: CommandContext,
  request: {
    readonly forge: Forge;
    readonly mirror: Mirror;
    readonly number: number;
    readonly memo: Memo;
    readonly timeoutMs: number;
  },
): Promise<Verdict> {
  const { forge, mirror, number, memo, timeoutMs } = request;
  const startedMs = context.steady();
  const signal = context.stopped();
  for (;;) {
    await mirror.fetch();
    const verdict = await preview({ repository: mirror, forge, number, memo });
    const found = await forge.get(number);
    const gate = found.ok ? found.value.gate : undefined;
    if (gate !== undefined && gate.state !== "pending" && gate.head === verdict.head && gate.base === verdict.base)
      return { ...verdict, state: gate.state };
    if (context.steady() - startedMs > timeoutMs || signal.aborted)
      throw new Fault(
        "gate-silent",
        `proposal #${number} is open, and Slipway's server has not judged it yet; is it running? Look at slipway proposal ${number} later`,
      );
    await context.pause(lookMs);
  }
}

/** Follows a merge to the environment branches that the forge's server renders. What runs there is Argo CD's part. */
export async function arriveOnForge(
  context: CommandContext,
  { mirror, repository }: Site,
  { commit, environments = [], timeoutMs }: Arrival,
  document: JsonDocument,
): Promise<CommandResult> {
  const startedMs = context.steady();
  const signal = context.stopped();
  const waiting = new Set(environments);
  const arrived: string[] = [];
  for (;;) {
    await mirror?.fetch();
    for (const environment of [...waiting]) {
      const rendered = await renderedAs(repository, environment, commit);
      if (rendered === undefined) continue;
      waiting.delete(environment);
      arrived.push(environment);
      const what = rendered.outcome === "unchanged" ? "nothing changes" : rendered.commit.slice(0, 7);
      context.out.line(`  rendered  ${what} on env/${environment}`);
    }
    if (waiting.size === 0 || context.steady() - startedMs > timeoutMs || signal.aborted) break;
    await context.pause(lookMs);
  }
  const full = { ...document, mergedAs: commit, server: true, arrived };
  if (waiting.size === 0) return done(full);
  const names = [...waiting].map((name) => `env/${name}`).join(", ");
  context.out.error(`not there yet: ${names} does not hold it`);
  context.out.error("next: look at the log of Slipway's server; the merge stands");
  const error = {
    code: "not-arrived",
    message: `${names} does not hold it yet`,
    causes: [],
    fix: "look at the server's log",
  };
  return { exitCode: 1, document: { ok: false, ...full, error } };
}
