import { formatDecimal } from "#core/decimal.ts";
import type { Ticked } from "./events.ts";
import { drawdownOf } from "./portfolio.ts";
import type { Settings, State } from "./state.ts";

// What an executor says of itself on the bus.

/** The `state` message. */
export function stateMessage(
  state: Pick<State, "status" | "reason" | "warmedBy"> & { readonly settings: Pick<Settings, "epoch" | "digest"> },
  nowMs: number,
): object {
  const { epoch, digest } = state.settings;
  return {
    v: 1,
    type: "state",
    state: state.status,
    ...(state.reason === undefined ? {} : { reason: state.reason.slice(0, 4_000) }),
    epoch,
    ...(digest === undefined ? {} : { algorithm: digest }),
    ...(state.warmedBy === undefined ? {} : { warmedBy: state.warmedBy }),
    atMs: nowMs,
  };
}

/** The `metric` message. */
export function metricMessage(
  state: State,
  { rssBytes, logLinesDropped, refilled, nowMs }: Ticked & { readonly nowMs: number },
): object {
  return {
    v: 1,
    type: "metric",
    ...state.counters,
    cash: formatDecimal(state.portfolio.cash),
    equity: formatDecimal(state.portfolio.equity),
    drawdown: formatDecimal(drawdownOf(state.portfolio)),
    positions: state.portfolio.positionTexts,
    rssBytes,
    ...(logLinesDropped === undefined ? {} : { logLinesDropped }),
    ...(refilled === undefined ? {} : { refilled }),
    ...(state.lastEventTs === undefined ? {} : { lastEventTs: state.lastEventTs }),
    atMs: nowMs,
  };
}
