import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { renderEnvironment, renderPlatform } from "#charts/render.ts";
import { paper, paperPolicy, policyOf, renderInput, fleet as samples } from "./inputs.ts";
import { type Manifest, manifest, manifests, matches } from "./rendered.ts";

const noStrategies = { strategies: [], held: [] };

describe("the platform", () => {
  test("keeps a stopped strategy in the gateway's limits and on the bus", () => {
    const data = (prefix: string) =>
      Object.assign(
        {},
        ...manifests()
          .filter(({ metadata }) => metadata.name.startsWith(prefix))
          .map((each) => each.data),
      );
    const limits = data("gateway-limits-");
    expect(Object.keys(limits).sort()).toEqual(samples.map(({ team, name }) => `${team}.${name}`).sort());
    expect(JSON.parse(limits["seed.stopped"])).toEqual({
      strategy: "seed/stopped",
      running: "false",
      startingCash: "10000",
      "limits.instruments": "AAPL,IBM",
      "limits.venues": "paper",
      "limits.maxOrderNotional": "2000",
      "limits.maxPositionNotional": "5000",
      "limits.orderRate": "10/1s",
      "limits.maxDrawdown": "0.5",
    });
    const access = data("bus-access-");
    expect(
      Object.keys(access)
        .filter((key) => !key.startsWith("slipway-paper."))
        .sort(),
    ).toEqual(samples.map(({ team, name }) => `${team}-paper.${name}`).sort());
    expect(JSON.parse(access["momentum-paper.sma-cross"])).toMatchObject({ identity: "momentum-paper/sma-cross" });
    expect(
      Object.keys(access)
        .filter((key) => key.startsWith("slipway-paper."))
        .sort(),
    ).toEqual([
      "slipway-paper.console",
      "slipway-paper.feed-stocks",
      "slipway-paper.gateway",
      "slipway-paper.operator",
    ]);
  });

  test("has an account for each group that may stop strategies, and tells the gateway whom", () => {
    const teams = `apiVersion: slipway.dev/v1
kind: Teams
metadata: { name: teams }
spec:
  groups: { risk: [erin] }
  teams: { seed: { members: [dave], environments: { paper: {} } } }
  halts: [{ group: seed, scope: team/seed, verbs: [halt] }, { group: risk, scope: all }]
`;
    const rendered = renderPlatform(policyOf(paper, { teams }), noStrategies);
    const accounts = [...rendered.keys()].filter((path) => path.startsWith("platform/serviceaccount-operator"));
    expect(accounts).toEqual([
      "platform/serviceaccount-operator-risk.yaml",
      "platform/serviceaccount-operator-seed.yaml",
    ]);
    const { data } = manifest("platform/configmap-bus-access-platform.yaml", rendered);
    expect(JSON.parse(data["slipway-paper.operator-seed"])).toMatchObject({ publish: ["gw/cmd/seed/+"] });
    expect(data["slipway-paper.operator"]).toBeUndefined();
    const standing = manifest("platform/configmap-gateway-standing.yaml", rendered).data["standing.json"];
    expect(JSON.parse(standing).operators).toEqual([
      { group: "risk", members: ["erin"], may: [{ target: "all", verbs: ["halt", "reduce", "flatten"] }] },
      { group: "seed", members: ["dave"], may: [{ target: "seed", verbs: ["halt"] }] },
    ]);
  });

  test("mounts every shard, whether it exists yet or not", () => {
    for (const [pod, volume, prefix, count] of [
      ["bus", "access", "bus-access-", 17],
      ["gateway", "limits", "gateway-limits-", 16],
    ] as const) {
      const { volumes } = manifest(`platform/statefulset-${pod}.yaml`).spec.template.spec;
      const { sources } = volumes.find(({ name }: Manifest) => name === volume).projected;
      expect(sources).toHaveLength(count);
      for (const { configMap } of sources)
        expect(configMap).toEqual({ name: expect.stringContaining(prefix), optional: true });
    }
  });

  test("shuts each feed in by itself", () => {
    const feeds = { ...paper.spec.feeds, bars: paper.spec.feeds["stocks"]! };
    const rendered = renderPlatform(policyOf({ ...paper, spec: { ...paper.spec, feeds } }), noStrategies);
    for (const feed of ["bars", "stocks"]) {
      const { spec } = manifest(`platform/networkpolicy-feed-${feed}.yaml`, rendered);
      const reached = manifests(rendered).filter(
        (each) =>
          each.kind === "StatefulSet" && matches(spec.podSelector.matchLabels, each.spec.template.metadata.labels),
      );
      expect(reached.map(({ metadata }) => metadata.name)).toEqual([`feed-${feed}`]);
    }
  });

  test("without a strategy still is one", () => {
    const rendered = renderPlatform(paperPolicy, noStrategies);
    expect([...rendered.keys()].filter((path) => /-[0-9a-f]\.yaml$/.test(path))).toEqual([]);
    expect(rendered.has("apps/application-paper-root.yaml")).toBe(true);
  });
});

describe("a venue with keys", () => {
  const venue = {
    kind: "ccxt",
    exchange: "kraken",
    secret: "kraken-keys",
    feeBps: "26",
    slippageBps: "10",
    collarBps: "50",
  } as const;
  const { embedded: _embedded, ...spec } = paper.spec;
  const live = { ...paper, spec: { ...spec, venues: { ...spec.venues, kraken: venue } } };
  const files = renderEnvironment({ policy: policyOf(live), strategies: [] });
  const read = (name: string): string => files.get(`platform/${name}.yaml`) ?? "";

  test("is mounted into the gateway from a Secret that is in no file of Git", () => {
    const gateway = parse(read("statefulset-gateway")).spec.template.spec;
    expect(gateway.volumes).toContainEqual({
      name: "keys-kraken",
      secret: { secretName: "kraken-keys", defaultMode: 0o440 },
    });
    expect(gateway.containers[0].volumeMounts).toContainEqual({
      name: "keys-kraken",
      mountPath: "/etc/slipway/keys/kraken",
      readOnly: true,
    });
    expect(gateway.containers[0].env).toContainEqual({ name: "SLIPWAY_GATEWAY_KEYS_DIR", value: "/etc/slipway/keys" });
    expect([...files.keys()].filter((path) => path.includes("secret"))).toEqual([]);
  });

  test("opens the way to public addresses for the gateway alone", () => {
    const ways = [...files].filter(([, text]) => text.includes("0.0.0.0/0")).map(([path]) => path);
    expect(ways).toEqual(["platform/networkpolicy-gateway.yaml"]);
    expect(parse(read("networkpolicy-gateway")).spec.egress.at(-1)).toMatchObject({ ports: [{ port: 443 }] });
    expect(renderEnvironment(renderInput()).get("platform/networkpolicy-gateway.yaml")).not.toContain("0.0.0.0/0");
  });
});
