import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { renderEnvironment } from "#charts/render.ts";
import type { JsonObject } from "#core/json.ts";
import { environments, inputOf, repository, repositoryPolicy, strategiesOf } from "./inputs.ts";
import { schemaChecker } from "./schemas.ts";

const update = "UPDATE_GOLDEN=1 npx vitest run test/charts/golden.test.ts";
const check = schemaChecker();

describe.each(environments().map((environment) => [environment.metadata.name, environment] as const))(
  "%s",
  (name, environment) => {
    const strategies = strategiesOf(environment);
    const files = renderEnvironment({ policy: repositoryPolicy(name), strategies: strategies.map(inputOf) });
    const folder = join(repository, "test/golden", name);

    test("is what test/golden holds", () => {
      if (process.env["UPDATE_GOLDEN"] === "1") write(folder, files);
      const golden = globSync("**/*.yaml", { cwd: folder }).sort();
      const hint = `test/golden/${name} is stale; look at what changed, then: ${update}`;
      expect(golden, hint).toEqual([...files.keys()]);
      for (const path of golden)
        expect(readFileSync(join(folder, path), "utf8"), `${path}: ${hint}`).toBe(files.get(path));
    });

    test.each([...files])("%s is valid in Kubernetes 1.34 and Argo CD 3.6", (_path, text) => {
      expect(check(parse(text) as JsonObject)).toEqual([]);
    });
  },
);

test.each([
  { name: "an unknown field", change: { spec: { replica: 1 } }, error: "must NOT have additional properties" },
  { name: "a quantity that is not canonical", change: { spec: { hard: { cpu: "0.5" } } }, error: "must match pattern" },
  { name: "a number where a quantity stands", change: { spec: { hard: { cpu: 1 } } }, error: "must be string" },
])("the schemas refuse $name", ({ change, error }) => {
  const quota = { apiVersion: "v1", kind: "ResourceQuota", metadata: { name: "x" }, ...change };
  expect(check(quota).join("\n")).toContain(error);
});

function write(folder: string, files: ReadonlyMap<string, string>): void {
  rmSync(folder, { recursive: true, force: true });
  for (const [path, text] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}
