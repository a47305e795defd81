import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { applyExpiries, type Expiry } from "#delivery/expiries.ts";
import { judge, mergeProposal } from "#delivery/gate.ts";
import { createMemo } from "#delivery/memo.ts";
import { proposeDeploy } from "#delivery/propose.ts";
import type { SourceTree } from "#delivery/tree.ts";
import type { Repository } from "#git/port.ts";
import { createControlPlane } from "#server/control-plane.ts";
import { freeze, waiver } from "./documents.ts";
import {
  alice,
  checkout,
  deploy,
  edit,
  main,
  openSite,
  push,
  refusal,
  renderer,
  type Site,
  sma,
  spec,
  value,
} from "./fixture.ts";

// The clock of the fixture stands at 2023-11-14T22:13:20Z and goes on a second a look.
let at: Site;
let workspace: SourceTree;
const memo = createMemo();
const seconds = (text: string): number => Date.parse(text) / 1000;
const end = "2023-11-15T12:00:00Z";
const big = waiver("big", { waives: '{ bound: maxOrderNotional, to: "9000" }', until: end });
const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };

beforeEach(async () => {
  workspace = await checkout();
  at = await openSite({ memo });
});
afterEach(() => at.close());

/** Time as the server's clock has it. */
function expire(text: string, repository: Repository = at.repository): ReturnType<typeof applyExpiries> {
  return applyExpiries({ repository, clock: () => seconds(text) * 1_000 });
}

const log = (): readonly string[] => at.git("log", "--format=%an|%cn|%ct|%s", "main").trim().split("\n");
const said = (done: readonly Expiry[]): readonly string[] =>
  done.flatMap(({ changes }) => changes.map(({ kind, name }) => `${kind} ${name}`));

describe("a waiver's end", () => {
  test("is a commit by Slipway that takes it away, dated by the end, once", async () => {
    await push(at, "main", big);
    expect(await expire("2023-11-15T11:59:59Z")).toEqual({ done: [], nextSeconds: seconds(end) });
    const before = log().length;
    const { done, nextSeconds } = await expire("2023-11-15T12:00:20Z");
    expect([said(done), done[0]?.delaySeconds, nextSeconds]).toEqual([["waiver-end big"], 20, undefined]);
    expect(log()[0]).toBe(`Slipway|Slipway|${seconds(end)}|waiver big ended`);
    expect(at.git("show", "-s", "--format=%B", "main").trim()).toBe(
      "waiver big ended\n\npolicies/waivers/big.yaml said until 2023-11-15 12:00:00 UTC, so it goes.",
    );
    expect(at.git("diff", "--name-status", "main~1", "main").trim()).toBe("D\tpolicies/waivers/big.yaml");
    expect(await expire("2023-11-16T00:00:00Z")).toEqual({ done: [], nextSeconds: undefined });
    expect(log()).toHaveLength(before + 1);
  });

  test("after a main that went on past it keeps main's date", async () => {
    await push(at, "main", { ...big, ...freeze("rest", { from: "2023-11-15T13:00", until: "2023-11-15T14:00" }) });
    const late = await expire("2023-11-20T00:00:00Z");
    expect(said(late.done)).toEqual(["waiver-end big", "freeze-start rest", "freeze-end rest"]);
    const dates = late.done.map(({ commit }) => at.git("show", "-s", "--format=%cI", commit).trim());
    expect(dates).toEqual(["2023-11-15T12:00:00+00:00", "2023-11-15T13:00:00+00:00", "2023-11-15T14:00:00+00:00"]);
    await push(at, "main", waiver("past", { waives: '{ bound: cpu, to: "2" }', until: "2023-11-01" }));
    const main = Number(at.git("show", "-s", "--format=%ct", "main"));
    await expire("2023-11-14T00:00:00Z");
    expect(log()[0]).toBe(`Slipway|Slipway|${main}|waiver past ended`);
  });

  test("ends that fall together are one commit", async () => {
    await push(at, "main", {
      ...big,
      ...waiver("other", { waives: '{ bound: cpu, to: "2" }', until: "2023-11-15T13:00+01:00" }),
    });
    const { done } = await expire(end);
    expect(said(done)).toEqual(["waiver-end big", "waiver-end other"]);
    expect(log()[0]).toBe(`Slipway|Slipway|${seconds(end)}|waiver big ended, waiver other ended`);
  });

  test("one that cannot be read holds for nobody and has no end", async () => {
    await push(at, "main", waiver("odd", { waives: '{ bound: cpu, to: "2" }', until: "2023-02-30" }));
    expect(await expire("2024-01-01T00:00:00Z")).toEqual({ done: [], nextSeconds: undefined });
  });
});

describe("converges", () => {
  test("killed before and after the ref moves, and made by two at once: one commit", async () => {
    await push(at, "main", { ...big, ...freeze("rest", { from: "2023-11-15T13:00", until: "2023-11-15T14:00" }) });
    const dying = (when: "before" | "after"): Repository => ({
      ...at.repository,
      updateRef: async (...args) => {
        if (when === "after") await at.repository.updateRef(...args);
        throw new Error("killed");
      },
    });
    const start = log().length;
    for (const when of ["before", "after", "before", "after"] as const)
      await expect(expire("2023-11-20T00:00:00Z", dying(when))).rejects.toThrow("killed");
    const both = await Promise.all([expire("2023-11-20T00:00:00Z"), expire("2023-11-20T00:00:00Z")]);
    expect(both.flatMap(({ done }) => said(done)).sort()).toEqual(["freeze-end rest"]);
    expect(
      log()
        .slice(0, log().length - start)
        .map((line) => line.split("|")[3]),
    ).toEqual(["freeze rest ended", "freeze rest starts", "waiver big ended"]);
  });

  test("a merge between reading and writing is not lost", async () => {
    await push(at, "main", big);
    let moved = false;
    const contended: Repository = {
      ...at.repository,
      updateRef: async (...args) => {
        if (!moved) await push(at, "main", { "strategies/x/y/strategy.yaml": "a: b\n" });
        moved = true;
        return at.repository.updateRef(...args);
      },
    };
    expect(said((await expire(end, contended)).done)).toEqual(["waiver-end big"]);
    expect(at.git("ls-tree", "-r", "--name-only", "main")).toContain("strategies/x/y/strategy.yaml");
  });
});

describe("a freeze", () => {
  const rest = freeze("rest", { from: "2023-11-15T13:00", until: "2023-11-15T14:00", timeZone: "Europe/Berlin" });

  test("starts with a commit that moves time on main, and ends with one that takes it away", async () => {
    await push(at, "main", rest);
    const started = await expire("2023-11-15T12:10:00Z");
    expect([said(started.done), started.nextSeconds]).toEqual([["freeze-start rest"], seconds("2023-11-15T13:00:00Z")]);
    expect(log()[0]).toBe(`Slipway|Slipway|${seconds("2023-11-15T12:00:00Z")}|freeze rest starts`);
    expect(at.git("rev-parse", "main^{tree}")).toBe(at.git("rev-parse", "main~1^{tree}"));
    expect((await expire("2023-11-15T12:20:00Z")).done).toEqual([]);
    expect(said((await expire("2023-11-15T13:00:00Z")).done)).toEqual(["freeze-end rest"]);
    expect(at.git("ls-tree", "-r", "--name-only", "main")).not.toContain("freezes");
  });

  test("one that main is in already needs no start", async () => {
    await push(at, "main", freeze("rest", { from: "2023-11-01T00:00", until: "2023-12-01T00:00" }));
    expect(await expire("2023-11-16T00:00:00Z")).toEqual({ done: [], nextSeconds: seconds("2023-12-01T00:00:00Z") });
  });

  test("that started while nobody looked holds for the next merge", async () => {
    await push(at, "main", rest);
    const now = seconds("2023-11-15T12:30:00Z") * 1_000;
    const request = { repository: at.repository, forge: at.forge, clock: () => now, memo };
    const opened = value(await proposeDeploy({ ...request, workspace, strategies: [sma], author: alice }));
    const { number } = opened.proposal;
    expect((await judge({ ...request, number })).state).toBe("passed");
    const refused = refusal(await mergeProposal({ ...request, number, by: alice }));
    expect([refused.code, refused.findings.map(({ code }) => code)]).toEqual(["gate-refused", ["frozen"]]);
    const after = { ...request, clock: () => seconds("2023-11-15T13:00:01Z") * 1_000 };
    expect((await mergeProposal({ ...after, number, by: alice })).ok).toBe(true);
    expect(log().map((line) => line.split("|")[3])).toContain("freeze rest ended");
  });
});

describe("the server", () => {
  const plane = (clock: () => number) =>
    createControlPlane({ repository: at.repository, forge: at.forge, clock, steady: at.steady, log: quiet, renderer });

  test("stops a strategy that lived by a waiver, raises it, and judges what is open again", async () => {
    const tall = edit(edit(workspace, spec(sma), '"2000"', '"8000"'), spec(sma), '"5000"', '"8000"');
    await push(at, "main", big);
    await deploy(at, tall, [sma]);
    const other = value(
      await proposeDeploy({
        ...at,
        workspace: edit(tall, spec(sma), "fast: 10", "fast: 11"),
        strategies: [sma],
        author: alice,
      }),
    );
    let now = seconds("2023-11-15T11:59:59Z") * 1_000;
    const control = plane(() => now);
    const first = await control.reconcile();
    expect([first.expired, first.nextSeconds, first.judged.map(({ state }) => state)]).toEqual([
      [],
      seconds(end),
      ["passed"],
    ]);
    now += 1_000;
    const second = await control.reconcile();
    expect(said(second.expired)).toEqual(["waiver-end big"]);
    expect(second.rendered.map(({ outcome, stopped, title }) => ({ outcome, stopped, title }))).toEqual([
      { outcome: "committed", stopped: [sma], title: "waiver big ended" },
    ]);
    expect(second.raised).toEqual([
      {
        code: "strategy-stopped",
        environment: "paper",
        message:
          "momentum/sma-cross is stopped in paper, because today's policies refuse it: limits.maxOrderNotional is 8000, above the bound 5000 of paper",
      },
    ]);
    expect(at.git("show", "env/paper:strategies/momentum/sma-cross/statefulset-sma-cross.yaml")).toContain(
      "  replicas: 0\n",
    );
    expect(second.judged.map(({ number, state }) => [number, state])).toEqual([[other.proposal.number, "refused"]]);
    const refs = at.git("for-each-ref");
    expect(await control.reconcile()).toEqual({
      expired: [],
      nextSeconds: undefined,
      judged: [],
      rendered: [],
      raised: [],
    });
    expect(at.git("for-each-ref")).toBe(refs);
  });
});

test("the same history and the same documents give the same commit", async () => {
  await push(at, "main", big);
  const base = await at.repository.resolve(main);
  const first = (await expire(end)).done[0]?.commit;
  value(await at.repository.updateRef(main, base!, first!));
  expect((await expire("2024-05-05T05:05:05Z")).done[0]?.commit).toBe(first);
});
