import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { type Log, parsePort } from "#bus/process.ts";

const tryMs = 500;
const pauseMs = 100;

/**
 * Waits until the pod's network policies are in force: a network plugin may let a new pod reach everything for its first moments, and the policies
 * come after its processes. The witness is the API server, whose address Kubernetes tells every container: without a policy it answers, and a
 * strategy's lets nobody reach it. Until then no token is read and no algorithm is loaded; the startup probe ends whoever waits for ever. Where
 * nothing tells of an API server, in the embedded cluster, there is nothing to wait for.
 *
 * @throws Fault `environment-malformed`
 */
export async function networkGate(env: NodeJS.ProcessEnv, log: Log): Promise<void> {
  const { KUBERNETES_SERVICE_HOST: host = "", KUBERNETES_SERVICE_PORT: port = "443" } = env;
  if (host === "") return;
  const number = parsePort("KUBERNETES_SERVICE_PORT", port);
  for (let tries = 0; await answers(host, number); tries += 1) {
    // The first seconds are a plugin at work; after them somebody has to look at it.
    if (tries === 0) log("info", "network policies are not in force yet: waiting, without token and algorithm");
    if (tries === 50)
      log(
        "error",
        `network policies are not in force: ${host}:${port} answers, and this pod's policy does not allow it`,
        {
          fix: "see whether the cluster's network plugin holds NetworkPolicies for what leaves a pod",
        },
      );
    await delay(pauseMs);
  }
}

/** Silence is a no: policies drop or refuse. */
function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (isOpen: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(isOpen);
    };
    // Where this process itself stood still, the answer lies there unread: timers come before what the network has brought.
    const timer = setTimeout(() => setImmediate(() => end(false)), tryMs);
    socket.on("connect", () => end(true));
    socket.on("error", () => end(false));
  });
}
