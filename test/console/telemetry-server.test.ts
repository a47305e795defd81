import { afterEach, expect, test } from "vitest";
import { startTelemetryServer, type TelemetryServer } from "#console/telemetry-server.ts";

let server: TelemetryServer | undefined;
afterEach(() => server?.stop());

test.each([
  { method: "GET", path: "/api/telemetry?x=1", status: 200, text: '{"n":1}' },
  { method: "HEAD", path: "/api/telemetry", status: 200, text: "" },
  { method: "POST", path: "/api/telemetry", status: 405, text: "only GET: this console changes nothing\n" },
  { method: "GET", path: "/../etc/passwd", status: 404, text: "there is no such page\n" },
  { method: "GET", path: "/constructor", status: 404, text: "there is no such page\n" },
])("$method $path is answered $status", async ({ method, path, status, text }) => {
  const page = { type: "application/json; charset=utf-8", text: () => '{"n":1}' };
  server = await startTelemetryServer({ host: "127.0.0.1", port: 0, pages: { "/api/telemetry": page } });
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method });
  expect([response.status, await response.text()]).toEqual([status, text]);
});
