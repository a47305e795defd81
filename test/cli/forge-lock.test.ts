import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { acquireServerLock } from "#server/lock.ts";
import type { CommandContext } from "../../src/cli/context.ts";
import { commandNote, takeForgeLock } from "../../src/cli/forge-lock.ts";

test.each([
  { name: "back", stepMs: -3_600_000 },
  { name: "forth", stepMs: 3_600_000 },
])("how long another command is waited for is not changed by a clock that is set $name", async ({ stepMs }) => {
  const state = mkdtempSync(join(tmpdir(), "slipway-forge-lock-"));
  const held = await acquireServerLock(state, { pid: process.pid, startedAtMs: 0, note: commandNote });
  const said: string[] = [];
  const time = { nowMs: 1_800_000_000_000, steadyMs: 0 };
  const context = {
    now: () => time.nowMs,
    steady: () => time.steadyMs,
    pause: async () => {
      time.nowMs += stepMs;
      time.steadyMs += 1_000;
    },
    out: { error: (text: string) => void said.push(text) },
  } as unknown as CommandContext;
  try {
    expect(await takeForgeLock(context, { state, note: commandNote })).toEqual({ is: "busy", waitedMs: 121_000 });
    expect(said[0]).toMatch(/^waiting for another command \(process \d+\), which holds the forge; 3\.00 s so far$/);
    expect(said).toHaveLength(8);
  } finally {
    if (held.ok) await held.value.release();
    rmSync(state, { recursive: true });
  }
});
