// Asks what the controller manager would write into a policy's `status.typeChecking`: `go/policy-types`, built by `build.ts`.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { JsonObject } from "#core/json.ts";
import { artifacts } from "../kubernetes/artifacts.ts";

export interface TypeWarning {
  /** For example `spec.validations[0].expression`. */
  readonly fieldRef: string;
  readonly warning: string;
}

/** The warnings about each policy, in their order. */
export function checkTypes(policies: readonly JsonObject[]): readonly (readonly TypeWarning[])[] {
  const program = join(artifacts().policyTypes.folder, "policy-types");
  const input = policies.map((policy) => `${JSON.stringify(policy)}\n`).join("");
  const { stdout, stderr, status } = spawnSync(program, {
    input,
    encoding: "utf8",
    maxBuffer: 2 ** 26,
    timeout: 120_000,
  });
  if (status !== 0) throw new Error(`policy-types ended with ${status}: ${stderr}`);
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as readonly TypeWarning[]);
}
