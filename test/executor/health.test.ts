import { expect, test } from "vitest";
import type { ExecutorState } from "#core/messages.ts";
import { probesOf, type Vital } from "#executor/health.ts";

/** Of each state that an executor can be in: what startup, readiness and liveness say. */
const answers: Readonly<Record<ExecutorState, readonly (string | undefined)[]>> = {
  // Before the warm-up is over there is no loop whose state it could be.
  ...{ offline: [], initializing: [], restoring: [], "warming-up": [] },
  running: [undefined, undefined, undefined],
  degraded: [undefined, undefined, undefined],
  halted: [undefined, undefined, undefined],
  stopping: [undefined, "stopping", undefined],
  stopped: [undefined, "stopped", undefined],
  faulted: [undefined, "faulted", undefined],
};
const probed = (vital: Vital): readonly (string | undefined)[] => {
  const { startup, ready, live } = probesOf(() => vital);
  return [startup(), ready(), live()];
};

test.each(Object.entries(answers).filter(([, said]) => said.length > 0))("%s", (status, said) => {
  expect(probed({ status: status as ExecutorState, connected: true, callMs: 5_000 })).toEqual(said);
});

test("before it trades it lives, and is neither started nor ready", () => {
  expect(probed({ status: undefined, connected: true, callMs: 0 })).toEqual([
    ...["not trading yet", "not trading yet", undefined],
  ]);
});

test("without the bus it is not ready; with an algorithm that does not answer it does not live", () => {
  expect(probed({ status: "running", connected: false, callMs: 5_001 })).toEqual([
    ...[undefined, "not connected to the bus", "the algorithm has not answered for 5 s"],
  ]);
});
