import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createPlayground, type Playground } from "../cli/cli.ts";
import { takeStep, titleOf, walkThrough } from "./transcript.ts";

const steps = walkThrough("policies.md");
let playground: Playground;
beforeAll(() => {
  playground = createPlayground();
});
afterAll(() => playground.remove());

/** Later steps need the earlier ones: they run in order, and the first that fails tells. */
describe("docs/policies.md does what it shows", () => {
  test("and there is something to run", () => expect(steps.length).toBeGreaterThan(10));

  // What asks an API server is walked to the end, these steps before it, by test/apiserver/walk-through.cluster.ts.
  const here = steps.filter((step) => step.kind === "edit" || !step.cluster);
  test.each(here.map((step) => [titleOf(step), step] as const))("%s", { timeout: 120_000 }, (_title, step) =>
    takeStep(playground, step),
  );
});
