import type { ExecutorState } from "#core/messages.ts";
import { andThen, type Step } from "./events.ts";
import { askAgain } from "./orders.ts";
import { stateMessage } from "./reports.ts";
import { askResend } from "./resends.ts";
import { elapsedMs, type GatewayHeard, type State } from "./state.ts";

// How an executor stands: what it says about itself, and why it may not trade.

/** How long `degraded` stays after the last error that was skipped. */
const degradedMs = 60_000;
/** How long nothing at all may be readable before that is said. */
const unreadableMs = 5_000;

/** The gateway has come, or gone, or says another reason. */
export function gateway(state: State, { online, reason, isWill }: GatewayHeard, nowMs: number): Step {
  if (online && state.gatewayOnline) return [state, []];
  const next: State = {
    ...state,
    gatewayOnline: online,
    gatewayReason: online ? undefined : reason,
    gatewayDeclines: !online && isWill !== true,
  };
  if (!isOpen(state.status) || state.stopping !== undefined) return [next, []];
  const settled = settle(next, nowMs);
  return state.gatewayOnline === online ? settled : andThen(settled, (then) => askAll(then, nowMs, true));
}

/** What is without an answer, and what was missed. */
export function askAll(state: State, nowMs: number, missed: boolean): Step {
  return andThen(askAgain(state, nowMs, true), (next) => (missed ? askResend(next, nowMs, true) : [next, []]));
}

/** The status of an executor that works, with the reason if it is not plain `running`. */
export function settle(state: State, nowMs: number): Step {
  if (!state.gatewayOnline) {
    const why = state.gatewayReason === undefined ? "" : ` (${state.gatewayReason})`;
    return withStatus(state, "halted", `the gateway is not online${why}; no orders until it is`, nowMs);
  }
  if (state.heard === undefined) {
    return withStatus(state, "halted", "the gateway has not said yet what its book has; no orders until it has", nowMs);
  }
  const trouble = troubleOf(state, nowMs);
  return withStatus(state, trouble === undefined ? "running" : "degraded", trouble, nowMs);
}

/** Why an executor that may trade is not as it should be. */
function troubleOf({ lastError, snapshotFailing, unreadable }: State, nowMs: number): string | undefined {
  if (unreadable !== undefined && elapsedMs(unreadable.sinceMs, unreadable.untilMs) >= unreadableMs) {
    const since = new Date(unreadable.sinceMs).toISOString();
    return `nothing that came since ${since} could be read; the first was on ${unreadable.topic}`;
  }
  if (snapshotFailing !== undefined) {
    const { times, last } = snapshotFailing;
    return `its state is not kept: snapshot() has failed ${times === 1 ? "once" : `${times} times in a row`}, the last with ${last}`;
  }
  return lastError !== undefined && elapsedMs(lastError.atMs, nowMs) < degradedMs ? lastError.message : undefined;
}

export function withStatus(state: State, status: ExecutorState, reason: string | undefined, nowMs: number): Step {
  if (state.status === status && state.reason === reason) return [state, []];
  const next: State = { ...state, status, reason };
  return [next, [{ do: "publish", topic: "state", message: stateMessage(next, nowMs), qos: 1, retain: true }]];
}

/** Statuses in which the algorithm is given events. */
export function isOpen(status: ExecutorState): boolean {
  return status === "running" || status === "halted" || status === "degraded" || status === "stopping";
}
