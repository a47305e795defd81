import { type GitView, readGitView } from "#console/git-view.ts";
import { createOverview, type Overview } from "#console/overview.ts";
import type { TelemetryReader } from "#console/telemetry.ts";
import type { ClusterStatus } from "#core/status.ts";
import type { Site } from "../site.ts";

export interface ObserverOptions {
  readonly site: Site;
  readonly environment: string;
  readonly telemetry: TelemetryReader;
  readonly cluster: () => ClusterStatus;
  readonly now: () => number;
}

/** Joins Git, the cluster and the bus for everyone who shows it. Git is asked at most once at a time. */
export class Observer {
  readonly #options: ObserverOptions;
  readonly #handlers = new Set<() => void>();
  #git: GitView | undefined;
  #refreshing: Promise<void> | undefined;

  constructor(options: ObserverOptions) {
    this.#options = options;
  }

  /** Reads what moved in Git since the last time. */
  async refresh(): Promise<void> {
    const { site, environment } = this.#options;
    this.#refreshing ??= readGitView(site.repository, site.forge, environment, this.#git)
      .then((view) => {
        const moved =
          view.main !== this.#git?.main ||
          view.environmentHead !== this.#git?.environmentHead ||
          view.proposals.length !== this.#git?.proposals.length;
        this.#git = view;
        if (moved) this.changed();
      })
      .finally(() => {
        this.#refreshing = undefined;
      });
    await this.#refreshing;
  }

  async overview(): Promise<Overview> {
    if (this.#git === undefined) await this.refresh();
    return this.now() ?? (await this.overview());
  }

  /** What is known without asking; undefined before the first reading. */
  now(): Overview | undefined {
    const { environment, telemetry, cluster, now } = this.#options;
    if (this.#git === undefined) return undefined;
    return createOverview({ environment, git: this.#git, cluster: cluster(), telemetry, nowMs: now() });
  }

  /** Tells those who watch that something may have moved. */
  changed(): void {
    for (const handler of this.#handlers) handler();
  }

  onChange(handler: () => void): () => void {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }
}
