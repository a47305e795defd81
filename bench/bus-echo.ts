// The peer of bus.ts: a plain mqtt.js client that answers each quote with a message as large as an order request. It checks, decides and writes nothing.
import { Socket } from "node:net";
import { connect } from "mqtt";

const [url = "", identity = "", topic = "", template = "", ...filters] = process.argv.slice(2);
const client = connect(url, {
  protocolVersion: 4,
  clientId: identity.replace("/", "_"),
  username: identity,
  password: "secret",
});
client.on("connect", () => {
  // Without it a round trip takes 90 ms.
  if (client.stream instanceof Socket) client.stream.setNoDelay(true);
  client.subscribe(filters, () => process.stdout.write("ready\n"));
});
client.on("message", (from, payload) => {
  const { seq } = JSON.parse(payload.toString()) as { readonly seq: number };
  const request = { ...JSON.parse(template), cause: `bench:${from}:${seq}` };
  client.publish(topic, JSON.stringify(request), { qos: 1 });
});
