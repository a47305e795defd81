import { spawn } from "node:child_process";
import { Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { type Broker, startBroker } from "#bus/broker.ts";
import { type Bus, connectBus } from "#bus/client.ts";
import { mosquittoFiles } from "#bus/mosquitto.ts";
import { gatewayAccess } from "#core/access.ts";

const access = gatewayAccess("paper");
const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close();
});

async function pair(): Promise<{ readonly bus: Bus; readonly broker: Broker }> {
  const broker = await startBroker({
    ...{ host: "127.0.0.1", port: 0, access: () => new Map([[access.identity, access]]) },
    ...{ verify: () => true, log: () => undefined },
  });
  opened.push(broker);
  const url = `mqtt://127.0.0.1:${broker.port}`;
  const bus = await connectBus({ url, identity: access.identity, password: () => "secret", access });
  opened.push(bus);
  return { bus, broker };
}

/** This process's open TCP connections. Node shows them nowhere else. */
function sockets(): readonly Socket[] {
  const handles = Reflect.apply(Reflect.get(process, "_getActiveHandles"), process, []) as readonly unknown[];
  return handles.filter((handle) => handle instanceof Socket);
}

/** What the kernel says of a socket, told by a child that inherits it: Node can set the option and not read it. */
function hasNoDelay(socket: Socket): Promise<boolean> {
  const script =
    "import socket; print(socket.socket(fileno=0).getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0)";
  const child = spawn("python3", ["-c", script], { stdio: [socket, "pipe", "inherit"] });
  return new Promise((resolve, reject) => {
    let output = "";
    child.stdout?.on("data", (chunk) => {
      output += String(chunk);
    });
    child.once("error", reject);
    child.once("close", () => {
      if (/^(?:True|False)\n$/.test(output)) resolve(output === "True\n");
      else reject(new Error(`the kernel was not asked: ${output}`));
    });
  });
}

// A round trip at QoS 1 takes 90 ms without it, 45 ms if one side lacks it, and no other test would notice.
test("both ends of a connection to the embedded broker send small packets at once", async () => {
  const { broker } = await pair();
  const [near, far] = [
    sockets().filter(({ remotePort }) => remotePort === broker.port),
    sockets().filter(({ localPort }) => localPort === broker.port),
  ];
  expect([near.length, far.length]).toEqual([1, 1]);
  expect(await Promise.all([...near, ...far].map(hasNoDelay))).toEqual([true, true]);
});

test("Mosquitto is told to", () => {
  const files = mosquittoFiles({
    ...{ access: [access], passwords: new Map(), host: "127.0.0.1", port: 1883, directory: "/var/lib/mosquitto" },
    ...{ plugin: "/usr/lib/mosquitto_dynamic_security.so", persistent: true },
  });
  expect(files["mosquitto.conf"].split("\n")).toContain("set_tcp_nodelay true");
});
