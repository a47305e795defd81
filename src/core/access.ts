import { expandChannels } from "./channels.ts";
import type { EffectiveStrategy } from "./effective.ts";
import type { HaltTarget } from "./halt.ts";
import { busIdentity, platformNamespace, teamNamespace } from "./identity.ts";
import { assert } from "./result.ts";
import { filterContains, isFilter, isTopic, topicMatches } from "./topic.ts";

export { filterContains, topicMatches } from "./topic.ts";

/** What one client of the bus may do; anything else is refused. `publish` and `subscribe` are MQTT filters. */
export interface Access {
  /** `<namespace>/<service account>`. */
  readonly identity: string;
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/** What of a strategy its access is made of. */
export type Speaker = Pick<EffectiveStrategy, "team" | "name" | "environment" | "channels" | "publishes" | "limits">;

/** A strategy's executor: its own topics below `strat/{team}/{name}/`, and what its channels stand for. */
export function executorAccess(effective: Speaker): Access {
  const own = `strat/${effective.team}/${effective.name}`;
  const channels = expandChannels(effective.channels, effective.limits);
  assert(channels.ok, "an effective strategy holds checked channels");
  const history = effective.channels.includes("quotes")
    ? effective.limits.instruments.map((instrument) => `md/+/${instrument}/history`)
    : [];
  const refill = `refill/${effective.team}/${effective.name}`;
  return {
    identity: busIdentity(teamNamespace(effective.team, effective.environment), effective.name),
    publish: [
      ...[
        ...effective.publishes,
        "order/request",
        "order/resend",
        "turn/request",
        "state",
        "metric",
        "log",
        "dead",
      ].map((topic) => `${own}/${topic}`),
      `${refill}/request`,
    ],
    subscribe: [
      ...[`${own}/order/event`, `${own}/order/statement`, `${own}/turn/answer`, `${own}/cmd/#`, "gw/state"],
      ...["refill/state", `${refill}/answer`],
      ...channels.value,
      ...history,
    ],
  };
}

/** A strategy's own topic of that name, if these are the rules of one. */
export function strategyTopicOf({ publish }: Access, leaf: "log"): string | undefined {
  const request = publish.find((topic) => /^strat\/[^/+#]+\/[^/+#]+\/order\/request$/.test(topic));
  return request?.replace(/order\/request$/, leaf);
}

/** The only identity that may publish order events, statements and accounts, and give turns. */
export function gatewayAccess(environment: string): Access {
  return {
    identity: busIdentity(platformNamespace(environment), "gateway"),
    publish: [
      ...["strat/+/+/order/event", "strat/+/+/order/statement", "strat/+/+/turn/answer", "strat/+/+/account"],
      ...["gw/state", "gw/halts", "gw/metric", "gw/dead"],
    ],
    subscribe: ["strat/+/+/order/request", "strat/+/+/order/resend", "strat/+/+/turn/request", "md/#", "gw/cmd/#"],
  };
}

export function feedAccess(environment: string, feed: string, venue: string): Access {
  return {
    identity: busIdentity(platformNamespace(environment), `feed-${feed}`),
    publish: [`md/${venue}/#`, `feed/${feed}/state`],
    subscribe: [],
  };
}

/**
 * Whoever may stop strategies: what cannot wait for a merge. It cannot start any.
 *
 * @param group one that the policies name: the topic says who asks, and the gateway knows whom it may stop
 * @param commands whose algorithms it may send commands to; default: all for the account `operator`, nobody's for a group's
 */
export function operatorAccess(
  environment: string,
  group?: string,
  commands: readonly HaltTarget[] = group === undefined ? ["all" as HaltTarget] : [],
): Access {
  const account = operatorAccount(group);
  return {
    identity: busIdentity(platformNamespace(environment), account),
    publish: [group === undefined ? "gw/cmd/+" : `gw/cmd/${group}/+`, ...commands.map(commandsTo)],
    subscribe: ["gw/state", "gw/halts"],
  };
}

function commandsTo(target: HaltTarget): string {
  const whose = target.includes("/") ? target : `${target === "all" ? "+" : target}/+`;
  return `strat/${whose}/cmd/+`;
}

export function operatorAccount(group: string | undefined): string {
  return group === undefined ? "operator" : `operator-${group}`;
}

/** What a recorder keeps. Orders and states have memories of their own: the gateway's book, and what is retained. */
export const recordedFilters = ["md/+/+/quote", "md/+/+/trade", "md/+/+/bar/+", "ind/#", "strat/+/+/signal"] as const;

/**
 * Where the broker records nothing itself: a client beside it, in the bus's own pod.
 *
 * @param node the pod, where there are several
 */
export function recorderAccess(environment: string, node?: string): Access {
  return {
    identity: busIdentity(platformNamespace(environment), node ?? "bus"),
    // It says in a strategy's log when the bus cuts it off.
    publish: ["refill/+/+/answer", "refill/state", "strat/+/+/log", busMetricTopic(node)],
    subscribe: [...recordedFilters, "refill/+/+/request"],
  };
}

/** Where the bus says what it counts, or one of its nodes. */
export function busMetricTopic(node: string | undefined): string {
  return node === undefined ? "bus/metric" : `bus/${node}/metric`;
}

/** The console reads everything and says nothing. */
export function consoleAccess(environment: string): Access {
  return {
    identity: busIdentity(platformNamespace(environment), "console"),
    publish: [],
    subscribe: ["md/#", "strat/#", "gw/#", "feed/#", "bus/#"],
  };
}

/** Whether the client may publish to this topic. A topic with a wildcard is none. */
export function canPublish(access: Access, topic: string): boolean {
  return isTopic(topic) && access.publish.some((filter) => topicMatches(filter, topic));
}

/** Whether every topic of the filter lies inside one of the client's rules. */
export function canSubscribe(access: Access, filter: string): boolean {
  if (!isFilter(filter)) return false;
  // Its own rules, word for word, are most of what a client asks for.
  return access.subscribe.includes(filter) || access.subscribe.some((rule) => filterContains(rule, filter));
}
