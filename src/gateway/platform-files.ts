import { type Environment, type Log, requireVariables } from "#bus/process.ts";
import type { StrategyId } from "#core/identity.ts";
import { LimitsDirectory, type LimitsEntry } from "./limits-directory.ts";
import { type GitStanding, parseStanding } from "./standing.ts";
import { WatchedFile } from "./watched-file.ts";

/** What the gateway reads of the objects in its own namespace, as it is now. */
export class PlatformFiles {
  readonly #limits: LimitsDirectory;
  readonly #standing: WatchedFile<GitStanding>;
  #onStanding: () => void = () => undefined;
  #onChange: () => void = () => undefined;

  /** @throws Fault `environment-incomplete` */
  constructor(env: Environment, log: Log) {
    const read = requireVariables(env, [
      "SLIPWAY_GATEWAY_LIMITS_DIR",
      "SLIPWAY_GATEWAY_BOUNDS_FILE",
      "SLIPWAY_GATEWAY_STANDING_FILE",
    ]);
    const [limits, bounds] = [read("SLIPWAY_GATEWAY_LIMITS_DIR"), read("SLIPWAY_GATEWAY_BOUNDS_FILE")];
    this.#limits = new LimitsDirectory(limits, bounds, log, () => this.#onChange());
    this.#standing = new WatchedFile({
      ...{ file: read("SLIPWAY_GATEWAY_STANDING_FILE"), what: "what is halted in Git", parse: parseStanding, log },
      onChange: () => {
        this.#onStanding();
        this.#onChange();
      },
    });
  }

  /** Why something of it cannot be used; no order passes then. */
  get problem(): string | undefined {
    return this.#limits.problem ?? this.#standing.problem;
  }
  get standing(): GitStanding | undefined {
    return this.#standing.value;
  }

  onStanding(handler: () => void): void {
    this.#onStanding = handler;
  }

  /** Told after each change of any of it. */
  onChange(handler: () => void): void {
    this.#onChange = handler;
  }

  limits(strategy: StrategyId): LimitsEntry {
    return this.#limits.lookup(strategy);
  }

  /** Every strategy that has limits. */
  strategies(): readonly StrategyId[] {
    return this.#limits.all().map(({ strategy }) => strategy);
  }

  start(): void {
    this.#standing.start();
    this.#limits.start();
  }

  close(): void {
    this.#standing.close();
    this.#limits.close();
  }
}
