import { expect, test } from "vitest";
import { parse } from "yaml";
import { renderEnvironment } from "#charts/render.ts";
import type { EnvironmentDocument } from "#core/environment.ts";
import type { JsonObject } from "#core/json.ts";
import { paper, policyOf } from "./inputs.ts";
import { schemaChecker } from "./schemas.ts";

const cluster = {
  repository: "https://git.example/acme/strategies.git",
  apiServers: ["10.0.0.10:6443", "10.0.0.11:6443"],
};

const { console: _console, ...withoutConsole } = paper.spec.images;

function rendered(spec: Partial<EnvironmentDocument["spec"]>): ReadonlyMap<string, string> {
  const environment = { ...paper, spec: { ...paper.spec, ...spec } };
  return renderEnvironment({ policy: policyOf(environment), strategies: [] });
}

test("a cluster's platform has a console, which reaches the bus alone and is asked by the API server alone", () => {
  const files = rendered({ cluster });
  const check = schemaChecker();
  for (const [path, text] of files) expect(check(parse(text)), path).toEqual([]);
  const { spec }: { spec: JsonObject } = parse(files.get("platform/networkpolicy-console.yaml") ?? "");
  expect(spec).toMatchObject({
    podSelector: { matchLabels: { "app.kubernetes.io/name": "console" } },
    ingress: [
      {
        from: [{ ipBlock: { cidr: "10.0.0.10/32" } }, { ipBlock: { cidr: "10.0.0.11/32" } }],
        ports: [{ port: 8083, protocol: "TCP" }],
      },
    ],
    egress: [{ ports: [{ port: 1883 }] }, { ports: [{ port: 53 }, { port: 53 }] }],
  });
  const service = parse(files.get("platform/service-console.yaml") ?? "");
  expect(service.spec.ports).toMatchObject([{ name: "telemetry", port: 8083 }]);
});

test.each([
  { name: "of a laptop", spec: {} },
  {
    name: "of an environment without its image",
    spec: { cluster, images: withoutConsole },
  },
])("a platform $name has none", ({ spec }) =>
  expect([...rendered(spec).keys()].filter((path) => path.includes("console"))).toEqual([]),
);
