import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Probes, parsePort, readIdentity, startProbes } from "#bus/process.ts";

let probes: Probes;
let ready: string | undefined;
beforeEach(async () => {
  ready = undefined;
  probes = await startProbes({
    port: 0,
    startup: () => undefined,
    ready: () => ready,
    live: () => "the algorithm – stuck",
  });
});
afterEach(() => probes.close());

async function raw(...chunks: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = connect(probes.port, "127.0.0.1", async () => {
      for (const chunk of chunks) {
        socket.write(chunk);
        await new Promise(setImmediate);
      }
    });
    socket.setEncoding("utf8");
    socket.on("data", (chunk) => (text += String(chunk)));
    socket.on("error", reject);
    socket.on("end", () => {
      socket.end();
      resolve(text.slice(0, text.indexOf("\r\n")));
    });
  });
}

describe("probes", () => {
  test("200 is good, 503 is not and says why", async () => {
    const ask = async (path: string): Promise<readonly [number, string]> => {
      const answer = await fetch(`http://127.0.0.1:${probes.port}${path}`);
      return [answer.status, await answer.text()];
    };
    expect(await ask("/startup")).toEqual([200, "ok\n"]);
    expect(await ask("/live")).toEqual([503, "the algorithm – stuck\n"]);
    expect(await ask("/ready")).toEqual([200, "ok\n"]);
    ready = "not connected";
    expect(await ask("/ready")).toEqual([503, "not connected\n"]);
    expect((await ask("/"))[0]).toBe(404);
  });

  test.each([
    { name: "in pieces", chunks: ["GET /star", "tup HTTP/1.1\r\nHost: x\r\n", "\r\n"], status: "HTTP/1.1 200 OK" },
    { name: "HTTP/1.0", chunks: ["GET /startup HTTP/1.0\r\n\r\n"], status: "HTTP/1.1 200 OK" },
    { name: "another method", chunks: ["POST /startup HTTP/1.1\r\n\r\n"], status: "HTTP/1.1 405 Method Not Allowed" },
    { name: "not HTTP", chunks: ["hello\r\n\r\n"], status: "HTTP/1.1 400 Bad Request" },
    {
      name: "a head without an end",
      chunks: ["GET /startup HTTP/1.1\r\n", `x: ${"y".repeat(4_096)}`],
      status: "HTTP/1.1 400 Bad Request",
    },
  ])("$name: $status", async ({ chunks, status }) => {
    expect(await raw(...chunks)).toBe(status);
  });

  test("a port that is taken is a fault", async () => {
    const good = (): undefined => undefined;
    await expect(startProbes({ port: probes.port, startup: good, ready: good, live: good })).rejects.toMatchObject({
      code: "probe-port",
    });
  });
});

describe("the environment", () => {
  test("all that is missing is named at once", () => {
    expect(() => readIdentity({ SLIPWAY_ENVIRONMENT: "paper", SLIPWAY_NAMESPACE: "" })).toThrow(
      "not set: SLIPWAY_NAMESPACE, SLIPWAY_SERVICE_ACCOUNT, SLIPWAY_STATE_DIR, SLIPWAY_PORT_PROBE",
    );
  });
  test.each([
    ["0", 0],
    ["65535", 65_535],
    ["65536", undefined],
    ["-1", undefined],
    ["8081x", undefined],
    ["", undefined],
  ])("port %j", (text, port) => {
    if (port === undefined) expect(() => parsePort("P", text)).toThrow("not a port");
    else expect(parsePort("P", text)).toBe(port);
  });
});
