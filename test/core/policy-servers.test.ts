import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseEnvironment } from "#core/environment.ts";
import { noPolicies } from "#core/policies.ts";
import { checkPolicies } from "#core/policy-checks.ts";

const text = readFileSync(new URL("fixtures/environment.yaml", import.meta.url), "utf8");
const cluster = "  cluster: { repository: https://git.example/a/b.git, apiServers: ['10.0.0.1:6443'], SERVER }\n";

function environment(name: string, server: string) {
  const own = text.replace(/name: \w+/, `name: ${name}`).replace(/^spec:\n/m, `spec:\n${cluster}`);
  return [name, parseEnvironment(`policies/environments/${name}.yaml`, own.replace("SERVER", server))] as const;
}

test.each([
  { name: "in no environment", servers: ["", ""], found: [] },
  { name: "in one", servers: ["", "server: { secret: forge }"], found: [] },
  {
    name: "in two",
    servers: ["server: { secret: forge }", "server: { secret: forge }"],
    found: ["policies/environments/paper.yaml server-twice paper has a server, and so has live"],
  },
])("a server $name", ({ servers, found }) => {
  const environments = new Map(["live", "paper"].map((name, index) => environment(name, servers[index] ?? "")));
  for (const { findings } of environments.values()) expect(findings).toEqual([]);
  const said = checkPolicies({ ...noPolicies, environments }).map(
    ({ code, place, message }) => `${place?.file} ${code} ${message.split(";")[0]}`,
  );
  expect(said).toEqual(found);
});

test("more than one server of an environment cannot be said", () => {
  const [, { findings }] = environment("paper", "server: { secret: forge, replicas: 2 }");
  expect(findings).toMatchObject([{ message: expect.stringContaining("replicas") }]);
});

test.each([
  { webhook: "http://argocd-server.argocd.svc/api/webhook", says: [] },
  { webhook: "https://argo.example.org:8443/argo/api/webhook", says: [] },
  { webhook: "https://argo.example.org", says: [expect.stringContaining("webhook")] },
  { webhook: "https://ada:secret@argo.example.org/api/webhook", says: [expect.stringContaining("webhook")] },
  { webhook: "ftp://argo.example.org/api/webhook", says: [expect.stringContaining("webhook")] },
])("Argo CD's webhook $webhook", ({ webhook, says }) => {
  const [, { findings }] = environment("paper", `server: { secret: forge, argocd: { webhook: "${webhook}" } }`);
  expect(findings.map(({ message }) => message)).toEqual(says);
});
