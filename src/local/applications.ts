import type { ApplicationStatus } from "#core/status.ts";
import { applicationStatus, type TrackedApplication } from "./application.ts";
import type { Desired } from "./desired.ts";

/** The Applications of the branch, and those that it no longer holds until their pods are gone. */
export class Applications {
  readonly #tracked = new Map<string, TrackedApplication>();
  #removed: readonly TrackedApplication[] = [];

  get size(): number {
    return this.#tracked.size;
  }
  /** Whether each can be applied as it stands. */
  get sound(): boolean {
    return [...this.#tracked.values()].every(({ problems }) => problems.length === 0);
  }

  get(name: string): TrackedApplication | undefined {
    return this.#tracked.get(name);
  }

  statuses(): readonly ApplicationStatus[] {
    return [...this.#tracked.values(), ...this.#removed.filter(isLeft)].map(applicationStatus);
  }

  /** Takes the branch's Applications over; returns those that it no longer holds. */
  track(desired: Desired): readonly TrackedApplication[] {
    const names = new Set(desired.applications.map(({ name }) => name));
    const gone = [...this.#tracked.values()].filter(({ name }) => !names.has(name));
    const before = new Map(this.#tracked);
    this.#tracked.clear();
    for (const next of desired.applications) {
      const known = before.get(next.name);
      const app = known ?? {
        name: next.name,
        desired: next,
        applied: undefined,
        problems: [],
        slots: [],
        // One that comes back before its pods are gone is answerable for them.
        leaving: this.#removed.find(({ name }) => name === next.name)?.leaving ?? [],
        suspended: 0,
      };
      app.desired = next;
      app.problems = next.problems;
      this.#tracked.set(next.name, app);
    }
    for (const app of gone) {
      app.leaving = [...app.leaving, ...app.slots];
      app.slots = [];
    }
    this.#removed = [...this.#removed, ...gone].filter(({ name }) => !names.has(name));
    return gone;
  }

  /** Ends the pods of those that are gone, but for those that another one has taken over. */
  prune(): void {
    const kept = [...this.#tracked.values()].flatMap(({ slots }) => slots);
    for (const app of this.#removed) {
      app.leaving = app.leaving.filter((slot) => !kept.includes(slot));
      for (const slot of app.leaving) slot.set(undefined);
    }
    this.#removed = this.#removed.filter(isLeft);
  }
}

function isLeft({ leaving }: TrackedApplication): boolean {
  return leaving.some(({ gone }) => !gone);
}
