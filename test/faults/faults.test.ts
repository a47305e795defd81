import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { applied, mutations, pathOf } from "./mutations/mutation.ts";

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

test("disturbances that take nothing away come to the same hash as an undisturbed run", () => {
  const { status, said } = faults("--same", "--runs", "20", "--seed", "20261127");
  expect(said).toContain("20 storms, seed 20261127: the same as undisturbed");
  expect(status).toBe(0);
}, 300_000);

test.each(mutations)("a mutation is still one of this code: $name", ({ edits }) => {
  for (const edit of edits) {
    const source = readFileSync(pathOf(edit.file), "utf8");
    expect(applied(source, edit)).not.toBe(source);
  }
});

test.each([
  "what has no acknowledgement is not sent again",
  "an order is sent again when its answer is lost",
  "fills are booked whole each time they are told",
])(
  "storms notice that %s",
  (name) => {
    const { status, said } = faults("--mutations", "--only", name, "--runs", "60");
    expect(said).toContain("1 mutations, 60 storms at most, seed 1: 0 not as expected");
    expect(status).toBe(0);
  },
  300_000,
);
