import type { ReconcileReport } from "#server/control-plane.ts";
import type { CommandContext } from "../context.ts";
import { describeExpiry } from "../deadlines.ts";
import type { Arrivals } from "./first-deploys.ts";
import type { LiveView } from "./live.ts";
import type { Observer } from "./observer.ts";
import type { UpOptions } from "./up.ts";

const updateMs = 250;
export interface Show {
  readonly view: LiveView;
  readonly observer: Observer;
  readonly arrivals: Arrivals;
  readonly deploying: Promise<unknown> | undefined;
  readonly stopped: AbortSignal;
}

/** Shows what happens until somebody stops it, the time is over, or the first deploys fail. */
export async function show(
  context: CommandContext,
  options: UpOptions,
  { view, observer, arrivals, deploying, stopped }: Show,
): Promise<void> {
  const deploys = { state: deploying === undefined ? "done" : "under way" };
  deploying?.then(
    () => {
      deploys.state = "done";
    },
    () => {
      deploys.state = "failed";
    },
  );
  let invited = false;
  const endMs = options.seconds === undefined ? Number.POSITIVE_INFINITY : context.steady() + options.seconds * 1_000;
  while (!stopped.aborted && context.steady() < endMs && deploys.state !== "failed") {
    await observer.refresh();
    const overview = observer.now();
    if (overview !== undefined) {
      arrivals.look(overview);
      view.update(overview);
    }
    if (!invited && deploys.state === "done") {
      view.line("\nTry: npx slipway new me/first && npx slipway deploy me/first --merge      (docs/strategies.md)\n");
      invited = true;
    }
    await context.pause(updateMs);
  }
}

/** Keeps lines back until they may be shown. */
export function holdLines(view: LiveView): { readonly line: (text: string) => void; readonly release: () => void } {
  const kept: string[] = [];
  let open = false;
  return {
    line: (text) => {
      if (open) view.line(text);
      else kept.push(text);
    },
    release: () => {
      open = true;
      for (const text of kept.splice(0)) view.line(text);
    },
  };
}

/** What time ended or started, and what a person must look at, once each while it lasts. */
export function tellReports(view: LiveView, now: () => number): (report: ReconcileReport) => void {
  let known = new Set<string>();
  return ({ expired, raised }) => {
    for (const { changes } of expired) for (const change of changes) view.line(`  ${describeExpiry(change, now())}`);
    for (const { message } of raised) if (!known.has(message)) view.line(`  ! ${message}`);
    known = new Set(raised.map(({ message }) => message));
  };
}
