import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Isolation, openIsolation } from "#local/isolation.ts";
import { askInside, askProbe, type Probe, type ProbeAnswer } from "#local/probe.ts";

const server = `require("node:http").createServer((request, response) => {
  if (request.url === "/live") response.writeHead(503, { "content-type": "text/plain" }).end("event() has not returned\\nfor 6 s");
  else if (request.url === "/much") response.writeHead(500).end("x".repeat(100000));
  else response.end();
}).listen(Number(process.argv[1]), "127.0.0.1", function () { console.log(this.address().port); })`;

const probe: Probe = {
  kind: "http",
  path: "/ok",
  port: 0,
  initialDelaySeconds: 0,
  periodSeconds: 1,
  timeoutSeconds: 1,
  failureThreshold: 1,
  successThreshold: 1,
};

let isolation: Isolation;
const children: ChildProcess[] = [];
beforeAll(async () => {
  isolation = await openIsolation("slipway-probe-test", "watch");
});
afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await isolation.close();
});

async function start(argv: readonly string[]): Promise<{ readonly pid: number; readonly port: number }> {
  const [program = "", ...args] = argv;
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  const [port] = await once(child.stdout, "data");
  return { pid: child.pid ?? 0, port: Number(String(port)) };
}

/** Asks a program of this machine's network, and one that has none: the same questions. */
async function askers(): Promise<readonly (readonly [string, (asked: Partial<Probe>) => Promise<ProbeAnswer>])[]> {
  const open = await start([process.execPath, "-e", server, "0"]);
  const outside = (asked: Partial<Probe>): Promise<ProbeAnswer> =>
    askProbe({ ...probe, port: open.port, ...asked }, 5_000);
  const { networkless } = isolation.tools;
  if (networkless === undefined) return [["outside", outside]];
  const up = `${networkless.ip} link set lo up && exec "$@"`;
  const unshared = [networkless.unshare, "--user", "--map-root-user", "--net", "--", "/bin/sh", "-c", up, "x"];
  const { pid, port } = await start([...unshared, process.execPath, "-e", server, "0"]);
  const inside = (asked: Partial<Probe>): Promise<ProbeAnswer> =>
    askInside({ ...probe, port, ...asked }, 5_000, pid, networkless);
  return [
    ["outside", outside],
    ["inside", inside],
  ];
}

test("an answer is told with what it says, in one line, wherever the program is", async () => {
  for (const [where, ask] of await askers()) {
    expect([where, await ask({})]).toEqual([where, { good: true, seen: "/ok answers 200" }]);
    expect([where, await ask({ path: "/live" })]).toEqual([
      where,
      { good: false, seen: "/live answers 503: event() has not returned for 6 s" },
    ]);
    const much = await ask({ path: "/much" });
    expect([where, much.good, much.seen.length < 2_000]).toEqual([where, false, true]);
    expect(await ask({ kind: "tcp" })).toMatchObject({ good: true });
    expect((await ask({ port: 1 })).seen).toContain("/ok on port 1 does not answer");
  }
});
