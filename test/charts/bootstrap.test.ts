import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { renderBootstrap } from "#charts/bootstrap.ts";
import { renderEnvironment } from "#charts/render.ts";
import type { JsonObject } from "#core/json.ts";
import { environments, inputOf, repositoryPolicy, strategiesOf } from "./inputs.ts";

const environment = environments()[0];
const name = environment?.metadata.name ?? "";
const files = renderEnvironment({
  policy: repositoryPolicy(name),
  strategies: environment === undefined ? [] : strategiesOf(environment).map(inputOf),
});
const objects = parseAllDocuments(renderBootstrap(name, files)).map((document) => document.toJS() as JsonObject);

test("what is applied once: the namespace first, then rights, then the root", () =>
  expect(objects.map(({ kind }) => kind)).toEqual([
    ...["Namespace", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "ClusterRole", "ClusterRole", "Role"],
    ...["AppProject", "Application"],
  ]));

test("the rights are: the bus may ask whose a token is, bus and gateway may read the ConfigMaps of their namespace; nobody may anything else", () => {
  const rights = objects.flatMap((object) => {
    const { kind, roleRef, subjects } = object as { kind: string; roleRef: { name: string }; subjects: JsonObject[] };
    if (!kind.endsWith("Binding")) return [];
    const role = objects.find(
      ({ kind: other, metadata }) => `${other}Binding` === kind && (metadata as JsonObject)["name"] === roleRef.name,
    );
    const namespace = (object["metadata"] as JsonObject)["namespace"] ?? "all";
    return [[namespace, role?.["rules"], subjects.map((one) => `${one["namespace"]}/${one["name"]}`)]];
  });
  expect(rights).toEqual([
    [
      "all",
      [{ apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"], verbs: ["create"] }],
      ["slipway-paper/bus"],
    ],
    [
      "slipway-paper",
      [{ apiGroups: [""], resources: ["configmaps"], verbs: ["list", "watch"] }],
      ["slipway-paper/bus", "slipway-paper/gateway"],
    ],
  ]);
});

test("what people need to look is a role that nobody has yet, and no right to write", () => {
  const roles = objects.filter(({ kind }) => kind === "ClusterRole" || kind === "Role");
  const bound = objects.flatMap(({ roleRef }) => ((roleRef as JsonObject | undefined)?.["name"] as string) ?? []);
  const free = roles.filter(({ metadata }) => !bound.includes((metadata as JsonObject)["name"] as string));
  expect(free.map(({ metadata, rules }) => [(metadata as JsonObject)["name"], rules])).toEqual([
    [
      "slipway-paper-status",
      [
        { apiGroups: ["argoproj.io"], resources: ["applications"], verbs: ["list"] },
        { apiGroups: [""], resources: ["events", "pods"], verbs: ["list"] },
      ],
    ],
    ["slipway-paper-logs", [{ apiGroups: [""], resources: ["pods", "pods/log"], verbs: ["get"] }]],
    [
      "read-console",
      [{ apiGroups: [""], resources: ["services/proxy"], resourceNames: ["console:telemetry"], verbs: ["get"] }],
    ],
  ]);
});

test("no rendered object gives a right, so Git gives none", () => {
  for (const [path, text] of files) expect(text, path).not.toMatch(/^apiVersion: rbac\.authorization\.k8s\.io/m);
});
