import { randomBytes } from "node:crypto";
import { busStreams, clusterNodes, keeperUser, retainedStream } from "./nats.ts";
import { NatsConnection, type NatsMessage, parseSaid, type Said } from "./nats-connection.ts";
import type { Log } from "./process.ts";

export interface KeeperOptions {
  readonly host: string;
  readonly port: number;
  readonly password: string;
  readonly log: Log;
}

export interface Keeper {
  /** What the last look has found; undefined: nothing is amiss. */
  readonly problem: string | undefined;
  /** Of how many servers the last look has found that not all keep what tells them of what is retained. */
  readonly unkept: number;
  /** Looks now. @returns why whoever is let in would not get what is kept for it, within 2 s; undefined: it would */
  look(): Promise<string | undefined>;
  close(): void;
}

const lookEveryMs = 2_000;
const lookAfterMs = 300;
const answerMs = 2_000;
const streamNotFound = 10_059;

/** One look: what has not been answered yet. */
interface Look {
  readonly waiting: Set<string>;
  readonly found: (problem: string | undefined) => void;
}

/**
 * Looks after what the servers of a cluster keep for MQTT [nats-server 2.15.2].
 *
 * A server knows what is retained from a consumer that it makes for itself and that one server alone keeps. If that is another one and ends, the first
 * goes on with what it knew, and gives it to whoever subscribes as if it were the last: so each of these consumers is kept by all. A server makes its own
 * with its first client: soon after whoever was let in it is looked again. If the one that keeps it ends before, nobody is let in until that one is back.
 *
 * For some seconds after a server ended the others elect who leads in its place. Whoever subscribes meanwhile is answered as if all were well, and gets
 * nothing of what is retained: so nobody is let in before `look` says so.
 *
 * @throws Fault `nats-unreachable`
 */
export async function startKeeper({ host, port, password, log }: KeeperOptions): Promise<Keeper> {
  const inbox = `_INBOX.${randomBytes(12).toString("hex")}`;
  const looks = new Map<string, Look>();
  let last: string | undefined = "nobody has looked yet";
  let unkept = 0;
  const take = ({ subject, payload }: NatsMessage): void => {
    const [number = "", question = ""] = subject.slice(inbox.length + 1).split(".");
    const said = parseSaid(payload);
    const look = looks.get(number);
    if (said === undefined || look === undefined) return;
    if (question === "consumers") {
      const consumers = consumersOf(said);
      unkept = consumers.filter((consumer) => !isKeptByAll(consumer)).length;
      for (const consumer of consumers) if (consumer.config["num_replicas"] !== clusterNodes) replicate(consumer);
    }
    const problem = problemOf(said);
    look.waiting.delete(question);
    if (problem !== undefined || look.waiting.size === 0) look.found(problem);
  };
  const connection = new NatsConnection({
    ...{ host, port, user: keeperUser, password, log },
    subscription: { subject: `${inbox}.>`, queue: "keeper", take },
  });
  const replicate = ({ name, config }: Consumer): void => {
    const request = {
      stream_name: retainedStream,
      config: { ...config, num_replicas: clusterNodes },
      action: "update",
    };
    const filter = String(config["filter_subject"]);
    connection.request(`$JS.API.CONSUMER.CREATE.${retainedStream}.${name}.${filter}`, JSON.stringify(request));
  };
  let count = 0;
  const look = async (): Promise<string | undefined> => {
    count += 1;
    const number = String(count);
    const questions = [
      ["consumers", `$JS.API.CONSUMER.LIST.${retainedStream}`] as const,
      ...busStreams.map((stream, index) => [String(index), `$JS.API.STREAM.INFO.${stream}`] as const),
    ];
    const answer = new Promise<string | undefined>((found) => {
      looks.set(number, { waiting: new Set(questions.map(([question]) => question)), found });
    });
    for (const [question, subject] of questions) connection.request(subject, "", `${inbox}.${number}.${question}`);
    const late = new Promise<string>((resolve) => {
      setTimeout(() => resolve("the nodes of the bus are electing, or fewer than two are there"), answerMs).unref();
    });
    last = await Promise.race([answer, late]);
    looks.delete(number);
    return last;
  };
  await connection.open(10_000);
  const looking = setInterval(() => void look(), lookEveryMs);
  const shared = oneAfterTheOther(look);
  let after: NodeJS.Timeout | undefined;
  return {
    get problem() {
      return last;
    },
    get unkept() {
      return unkept;
    },
    look() {
      after ??= setTimeout(() => {
        after = undefined;
        void look();
      }, lookAfterMs).unref();
      return shared();
    },
    close() {
      clearInterval(looking);
      clearTimeout(after);
      connection.close();
    },
  };
}

/** Who asks while somebody looks shares the next look with all who ask meanwhile: never one that began before. */
function oneAfterTheOther<T>(look: () => Promise<T>): () => Promise<T> {
  let current: Promise<T> | undefined;
  let next: Promise<T> | undefined;
  return () => {
    if (current === undefined) {
      current = look().finally(() => {
        current = undefined;
      });
      return current;
    }
    next ??= current.then(() => {
      next = undefined;
      current = look().finally(() => {
        current = undefined;
      });
      return current;
    });
    return next;
  };
}

/** A stream that is not there yet is made with the first client. */
function problemOf({ error, missing }: Said): string | undefined {
  // In a list of consumers: those of whom nobody knows anything.
  if (Array.isArray(missing) && missing.length > 0) return "a node does not hear what is retained";
  if (error === undefined) return undefined;
  const { err_code: code, description } = Object(error);
  return code === streamNotFound ? undefined : `nats-server: ${String(description)}`;
}

interface Consumer {
  readonly name: string;
  readonly config: { readonly [key: string]: unknown };
  readonly replicas: readonly unknown[];
}

function consumersOf({ consumers }: Said): readonly Consumer[] {
  if (!Array.isArray(consumers)) return [];
  return consumers.flatMap((consumer): Consumer[] => {
    const { name, config, cluster } = Object(consumer);
    const { replicas } = Object(cluster);
    return typeof name === "string"
      ? [{ name, config: Object(config), replicas: Array.isArray(replicas) ? replicas : [] }]
      : [];
  });
}

/** By its leader, and by the others as far as it. */
function isKeptByAll({ replicas }: Consumer): boolean {
  return replicas.filter((replica) => Object(replica).current === true).length === clusterNodes - 1;
}
