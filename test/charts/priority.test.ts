import { expect, test } from "vitest";
import { parse } from "yaml";
import { renderEnvironment } from "#charts/render.ts";
import { inputOf, paper, policyOf, strategyWith } from "./inputs.ts";

// biome-ignore lint/suspicious/noExplicitAny: parsed manifests, whose shape the schemas check.
type Manifest = any;

const cluster = {
  repository: "https://git.example/acme/strategies.git",
  apiServers: ["10.0.0.10:6443"],
  server: { secret: "forge" },
};
const { bus } = paper.spec.images;
const images = {
  ...paper.spec.images,
  server: bus.replace("/bus", "/server"),
  console: bus.replace("/bus", "/console"),
};
const environment = { ...paper, spec: { ...paper.spec, cluster, images } };
const objects: readonly Manifest[] = [
  ...renderEnvironment({
    policy: policyOf(environment),
    strategies: [inputOf(strategyWith({ name: "one" }))],
  }).values(),
].map((text) => parse(text));
const classes = new Map(
  objects.filter(({ kind }) => kind === "PriorityClass").map(({ metadata, value }) => [metadata.name, value]),
);

test("bus, feed and gateway outlive strategies on a node that is short of something; console and server do not push them out", () => {
  const sets = objects.filter(({ kind }) => kind === "StatefulSet");
  const ranks = sets.map(({ metadata, spec }) => [metadata.name, classes.get(spec.template.spec.priorityClassName)]);
  expect(Object.fromEntries(ranks)).toEqual({
    bus: 200_000,
    "feed-stocks": 200_000,
    gateway: 200_000,
    console: 100_000,
    server: 100_000,
    one: 100_000,
  });
});

test("on a full disk the kubelet looks at who uses more than was kept for it before it looks at priorities: those that count never do", () => {
  for (const { kind, metadata, spec } of objects) {
    if (kind !== "StatefulSet") continue;
    const { priorityClassName, containers } = spec.template.spec;
    for (const { resources } of containers) {
      const [kept, most] = [resources.requests, resources.limits].map((of) => of["ephemeral-storage"]);
      expect([metadata.name, kept === most]).toEqual([metadata.name, priorityClassName.endsWith("-vital")]);
    }
  }
});
