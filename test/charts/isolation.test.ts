import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { admissionPolicies } from "#charts/admission.ts";
import { renderStrategy } from "#charts/render.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import { type EnvironmentDocument, parseEnvironment } from "#core/environment.ts";
import type { JsonObject } from "#core/json.ts";
import { compareEnvironments } from "#core/policy-direction.ts";
import { admissionEngine } from "./admission-engine.ts";
import { inputOf, paper, policyOf, python, strategyWith } from "./inputs.ts";

// biome-ignore lint/suspicious/noExplicitAny: parsed manifests, whose shape the schemas check.
type Manifest = any;

const within = (seccomp: "Localhost" | "RuntimeDefault"): EnvironmentDocument => ({
  ...paper,
  spec: { ...paper.spec, isolation: { seccomp } },
});
const beside = strategyWith({ algorithm: python });

function setOf(strategy: EffectiveStrategy, environment: EnvironmentDocument): Manifest {
  return [...renderStrategy(inputOf(strategy), environment).values()]
    .map((text) => parse(text))
    .find(({ kind }) => kind === "StatefulSet");
}

function profiles(strategy: EffectiveStrategy, environment: EnvironmentDocument) {
  const { containers, securityContext } = setOf(strategy, environment).spec.template.spec;
  expect(securityContext.seccompProfile).toEqual({ type: "RuntimeDefault" });
  return containers.map(({ name, securityContext: own }: Manifest) => [name, own.seccompProfile?.localhostProfile]);
}

describe("isolation.seccomp", () => {
  test.each([
    ["is not said", paper],
    ["is RuntimeDefault", within("RuntimeDefault")],
  ])("%s: no container has a profile of its own", (_, environment) => {
    expect(profiles(beside, environment)).toEqual([
      ["executor", undefined],
      ["algorithm", undefined],
    ]);
  });
  test("is Localhost: each container has its language's file", () => {
    expect(profiles(strategyWith(), within("Localhost"))).toEqual([["executor", "slipway/node.json"]]);
    expect(profiles(beside, within("Localhost"))).toEqual([
      ["executor", "slipway/node.json"],
      ["algorithm", "slipway/python.json"],
    ]);
  });
  test("knows no third way, and no file of one's own", () => {
    const said = (isolation: object) =>
      parseEnvironment(
        "policies/environments/paper.yaml",
        JSON.stringify({ ...paper, spec: { ...paper.spec, isolation } }),
      ).findings.map(({ pointer }) => pointer);
    expect(said({ seccomp: "Localhost" })).toEqual([]);
    expect(said({})).toEqual([]);
    expect(said({ seccomp: "Unconfined" })).toEqual(["/spec/isolation/seccomp"]);
    expect(said({ seccomp: "slipway/node.json" })).toEqual(["/spec/isolation/seccomp"]);
  });
  test("Localhost is the tighter one", () => {
    const [wide, narrow] = [within("RuntimeDefault"), within("Localhost")];
    const change = { field: "isolation.seccomp", before: "RuntimeDefault", after: "Localhost", direction: "tighter" };
    expect(compareEnvironments(wide, narrow)).toEqual([change]);
    expect(compareEnvironments(paper, narrow)).toEqual([change]);
    expect(compareEnvironments(narrow, paper)).toMatchObject([{ after: "RuntimeDefault", direction: "looser" }]);
    expect(compareEnvironments(paper, wide)).toEqual([]);
  });
});

describe("admission where it is Localhost", () => {
  const engines = new Map(
    admissionPolicies({ policy: policyOf(within("Localhost")), held: [], teams: ["momentum"] }).map((policy) => [
      policy.name,
      admissionEngine(policy),
    ]),
  );
  const denied = (policy: string, object: JsonObject) =>
    engines.get(policy)?.({ operation: "CREATE", object }).denied ?? ["there is no such policy"];
  const podOf = (set: Manifest): JsonObject => ({
    ...{ apiVersion: "v1", kind: "Pod", spec: set.spec.template.spec },
    metadata: { ...set.metadata, name: `${set.metadata.name}-0` },
  });

  test.each([
    ["TypeScript", strategyWith()],
    ["Python", beside],
  ])("lets a strategy in %s through", (_, strategy) => {
    const set = setOf(strategy, within("Localhost"));
    expect(denied("bounds-statefulset", set)).toEqual([]);
    expect(denied("bounds-pod", podOf(set))).toEqual([]);
  });
  test.each<readonly [string, (containers: Manifest) => void]>([
    ["none", (all) => delete all[1].securityContext.seccompProfile],
    ["the runtime's", (all) => (all[1].securityContext.seccompProfile = { type: "RuntimeDefault" })],
    ["a file of its own", (all) => (all[1].securityContext.seccompProfile.localhostProfile = "open.json")],
    ["nothing at all", (all) => delete all[1].securityContext],
  ])("refuses a container whose profile is %s", (_, change) => {
    const set = setOf(beside, within("Localhost"));
    change(set.spec.template.spec.containers);
    expect(denied("bounds-pod", podOf(set))).toEqual([expect.stringContaining("isolation.seccomp: Localhost")]);
    // It makes no pod, and is not stuck when the environment turns back: policy and StatefulSet are synced in any order.
    expect(denied("bounds-statefulset", set)).toEqual([]);
  });
});
