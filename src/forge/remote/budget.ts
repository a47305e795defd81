import { Fault } from "#core/result.ts";

/** Takes one content write out of the budget, waiting for its turn if it is near. */
export interface ContentBudget {
  /** @throws Fault `forge-budget-spent` when the next turn is too far away to wait for */
  take(): Promise<void>;
}

export interface BudgetOptions {
  /** Default 60 a minute and 400 an hour: below what GitHub takes for abuse (80 and 500). */
  readonly perMinute?: number;
  readonly perHour?: number;
  /** Default 30 s. */
  readonly waitMsMax?: number;
  /** Milliseconds since any moment, by a clock that nobody sets. */
  readonly steady: () => number;
  readonly pause: (ms: number) => Promise<void>;
}

const minuteMs = 60_000;
const hourMs = 3_600_000;

/** Comments, pull requests and reviews are counted by forges, and whoever writes too many is locked out for all. Statuses are not counted. */
export function contentBudget(options: BudgetOptions): ContentBudget {
  const { perMinute = 60, perHour = 400, waitMsMax = 30_000, steady, pause } = options;
  /** When each write of the last hour is made; the newest may be to come. */
  let taken: readonly number[] = [];
  return {
    async take() {
      const now = steady();
      taken = taken.filter((at) => at > now - hourMs);
      const afterHour = taken.length < perHour ? now : (taken.at(-perHour) ?? now) + hourMs;
      const minute = taken.at(-perMinute);
      const at = Math.max(now, afterHour, minute === undefined ? now : minute + minuteMs);
      if (at - now > waitMsMax) {
        const seconds = Math.ceil((at - now) / 1_000);
        throw new Fault(
          "forge-budget-spent",
          `${perMinute} comments and reviews a minute and ${perHour} an hour are written at most, so that the forge does not lock everyone out; the next may be written in ${seconds} s`,
        );
      }
      taken = [...taken, at];
      if (at > now) await pause(at - now);
    },
  };
}
