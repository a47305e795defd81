// The peer of bus.ts: a plain mqtt.js client that answers each quote with a message as large as an order request. It checks, decides and writes nothing.
import { Socket } from "node:net";
import { connect } from "mqtt";

const [url = "", identity = "", own = "", template = "", ...filters] = process.argv.slice(2);
const client = connect(url, {
  ...{ protocolVersion: 4, clientId: identity.replace("/", "_"), username: identity, password: "secret" },
  writeCache: false,
});
const request = JSON.parse(template) as object;
client.on("connect", () => {
  // Without it a round trip takes 90 ms.
  if (client.stream instanceof Socket) client.stream.setNoDelay(true);
  const wanted = Object.fromEntries([
    ...filters.map((filter) => [filter, { qos: 0 }]),
    [`${own}/order/event`, { qos: 1 }],
  ]);
  client.subscribe(wanted, () => process.stdout.write("ready\n"));
});
client.on("message", (from, payload) => {
  if (!from.endsWith("/quote")) return;
  const { seq, ts } = JSON.parse(payload.toString()) as { readonly seq: number; readonly ts: number };
  client.publish(`${own}/order/request`, JSON.stringify({ ...request, cause: `bench:${from}:${seq}`, ts }), { qos: 1 });
});
