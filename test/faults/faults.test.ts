import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";

// A process of its own: its timers are the simulation's. `npm run faults` plays many more (docs/faults.md).

function faults(...given: readonly string[]): { readonly status: number | null; readonly said: string } {
  const program = join(import.meta.dirname, "main.ts");
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", program, ...given],
    { encoding: "utf8", timeout: 300_000 },
  );
  return { status, said: `${stdout}${stderr}` };
}

test("no storm of kills, pauses, lost and doubled messages, full disks and power cuts loses or doubles an order", () => {
  const { status, said } = faults("--runs", "60", "--seed", "20261126");
  expect(said).toContain("60 storms, seed 20261126: nothing lost, nothing doubled");
  expect(status).toBe(0);
}, 300_000);

test("nor does kill −9 between two steps", () => {
  const { status, said } = faults("--every-step", "11", "--step", "5");
  expect(said).toContain("nothing lost, nothing doubled");
  expect(status).toBe(0);
}, 300_000);
