// images/Containerfile, built whole by a container engine and held against what images/build.ts gives of the same checkout.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { buildImages } from "../../images/build.ts";
import { imageConfigs } from "../../images/recipes.ts";
import { makeBases } from "./base-image.ts";
import { Engine, lacking } from "./engine.ts";
import { filesIn, type ImageStart, unpack } from "./layout-files.ts";
import { type Running, run } from "./running.ts";

const root = join(import.meta.dirname, "../..");
const names = Object.keys(imageConfigs(""));
/** What differs on purpose: the engine adds a label with its own version. Layers' bytes, dates and so digests are each builder's own. */
const engineLabel = "io.buildah.version";

const reason = lacking();
if (reason !== undefined) console.log(`images/Containerfile was not built: ${reason}`);

describe.skipIf(reason !== undefined)("images/Containerfile", () => {
  const folder = mkdtempSync(join(tmpdir(), "slipway-engine-"));
  const engine = new Engine(join(folder, "engine"));
  const built = new Map<string, { readonly start: ImageStart; readonly files: string }>();
  let running: Running | undefined;

  beforeAll(async () => {
    makeBases(engine, join(folder, "bases"));
    await buildImages(join(folder, "offline"));
    for (const name of names) {
      engine.build(root, join(root, "images/Containerfile"), name, `localhost/slipway/${name}`, secrets(folder));
      engine.push(`localhost/slipway/${name}`, join(folder, "built", name));
      const files = join(folder, "files", name);
      built.set(name, { start: unpack(join(folder, "built", name), 0, files), files });
    }
  });
  afterAll(() => {
    running?.end();
    engine.end();
    rmSync(folder, { recursive: true, force: true });
  });

  test.each(names.map((name, index) => ({ name, index })))(
    "$name is what the offline build gives",
    ({ name, index }) => {
      const mine = built.get(name)!;
      const offline = join(folder, "files", `offline-${name}`);
      const start = unpack(join(folder, "offline"), index, offline);
      expect(filesIn(mine.files)).toEqual(filesIn(offline));
      const { [engineLabel]: version, ...labels } = mine.start.Labels;
      expect(version).toBeDefined();
      expect({ ...mine.start, Labels: labels }).toEqual(start);
      rmSync(offline, { recursive: true });
    },
  );

  const started = (name: string): Running => {
    const { start, files } = built.get(name)!;
    const settings = join(folder, "etc", name);
    writeSettings(settings);
    running = run({ name, rootfs: files, bundle: join(folder, "bundles", name), start, settings, env: podEnv });
    return running;
  };

  test.each(names.filter((name) => name !== "server"))(
    "%s starts as nobody, with a root that nobody can write, and answers its probe",
    async (name) => {
      const container = started(name);
      const health = name === "python" ? "http://127.0.0.1:8082/live" : "http://127.0.0.1:8081/live";
      expect(await container.answer(health)).toBe(200);
      expect(container.ids()).toEqual(["65532", "65532"]);
      expect(container.write("/written")).toContain("Read-only file system");
      container.end();
    },
  );

  // It answers probes once it has read main, and here is no forge: its Git has gone the way there by HTTP.
  test("the server starts, and says which forge does not answer", async () => {
    const container = started("server");
    await expect(container.answer("http://127.0.0.1:8081/live")).rejects.toThrow(
      "git fetch failed: fatal: unable to access 'http://127.0.0.1:3000/acme/strategies.git/'",
    );
    container.end();
  });
});

/** Enough for a pod's program to begin; nobody is there whom it could reach. */
const podEnv = {
  SLIPWAY_ENVIRONMENT: "paper",
  SLIPWAY_NAMESPACE: "slipway-paper",
  SLIPWAY_SERVICE_ACCOUNT: "some",
  SLIPWAY_STATE_DIR: "/var/lib/slipway",
  SLIPWAY_PORT_PROBE: "8081",
  SLIPWAY_PORT_MQTT: "1883",
  SLIPWAY_PORT_TELEMETRY: "8083",
  SLIPWAY_PORT_HEALTH: "8082",
  SLIPWAY_BUS_URL: "mqtt://127.0.0.1:1884",
  SLIPWAY_BUS_TOKEN_FILE: "/etc/slipway/token",
  SLIPWAY_FORGE_TOKEN: "none",
  SLIPWAY_WEBHOOK_SECRET: "some-secret-of-a-webhook",
  SLIPWAY_BUS_ACCESS_DIR: "/etc/slipway/access",
  SLIPWAY_API_DIR: "/etc/slipway/api",
  SLIPWAY_MIRROR_DIR: "/run/slipway/mirror",
  SLIPWAY_STRATEGY: "seed/random-ts",
  SLIPWAY_SPEC_DIR: "/etc/slipway/spec",
  SLIPWAY_ALGORITHM: "module:/etc/slipway/algorithm.mjs",
  SLIPWAY_ALGORITHM_BUNDLE: "/etc/slipway/algorithm.zip",
  SLIPWAY_ALGORITHM_ENTRY: "algorithm.py",
  SLIPWAY_RPC_SOCKET: "/run/slipway/algorithm.sock",
  SLIPWAY_FEED_FILE: "/etc/slipway/feed/feed.json",
  SLIPWAY_GATEWAY_LIMITS_DIR: "/etc/slipway/limits",
  SLIPWAY_GATEWAY_BOUNDS_FILE: "/etc/slipway/bounds/bounds.json",
  SLIPWAY_GATEWAY_STANDING_FILE: "/etc/slipway/standing/standing.json",
  SLIPWAY_GATEWAY_VENUES_FILE: "/etc/slipway/venues/venues.json",
};

/** What the charts render for the examples, as a pod's volumes hold it. */
function writeSettings(folder: string): void {
  const golden = join(root, "test/golden/paper");
  const platform = (name: string): string => join(golden, "platform", `configmap-${name}.yaml`);
  const strategy = join(golden, "strategies/seed/random-ts/configmap-random-ts-spec.yaml");
  const volumes = {
    spec: strategy,
    standing: platform("gateway-standing"),
    bounds: platform("gateway-bounds"),
    venues: platform("venues"),
    feed: platform("feed-stocks"),
  };
  for (const name of ["access", "api", "limits", "server"]) mkdirSync(join(folder, name), { recursive: true });
  for (const [volume, file] of Object.entries(volumes)) {
    const { data } = parse(readFileSync(file, "utf8")) as { data: { [name: string]: string } };
    mkdirSync(join(folder, volume), { recursive: true });
    for (const [name, text] of Object.entries(data)) writeFileSync(join(folder, volume, name), text);
  }
  const forge = [
    ...["apiVersion: slipway.dev/v1", "kind: Forge", "spec:", "  provider: gitea", "  url: http://127.0.0.1:3000"],
    ...["  repository: acme/strategies", "  writer: slipway", ""],
  ].join("\n");
  const files = { token: "none", "api/token": "none", "api/ca.crt": "none", "server/forge.yaml": forge };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
}

/** What this machine's npm needs to reach its registry, if anything: handed to the build as secrets, and in no layer. */
function secrets(folder: string): { readonly [id: string]: string } {
  const authorities = process.env["NODE_EXTRA_CA_CERTS"];
  if (authorities === undefined) return {};
  const npmrc = join(folder, "npmrc");
  writeFileSync(npmrc, "cafile=/run/secrets/authorities\n");
  return { npmrc, authorities };
}
