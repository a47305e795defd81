import { expect, test } from "vitest";
import { PlatformHeard, platformPartOf } from "#console/platform-parts.ts";
import { samples } from "../fixtures/bus-messages.ts";

const said = (atMs: number, clients: number, reasons: { [name: string]: number } = {}) => ({
  ...samples["platform-metric"][1],
  ...{ atMs, counts: { clients }, countsBy: { refused: reasons } },
});

test("of several nodes of the bus the sum is told, and one that says nothing any more is not in it", () => {
  const heard = new PlatformHeard();
  heard.take("gateway", "gw/metric", said(1_000, 1));
  heard.take("bus", "bus/bus-node-0/metric", said(1_000, 10, { a: 1 }));
  heard.take("bus", "bus/bus-node-1/metric", said(2_000, 20, { a: 2, b: 3 }));
  heard.take("bus", "bus/bus-node-2/metric", said(3_000, 30));
  expect(heard.parts.get("bus")).toMatchObject({
    ...{ atMs: 3_000, counts: { clients: 60 }, countsBy: { refused: { a: 3, b: 3 } } },
  });
  heard.take("bus", "bus/bus-node-1/metric", said(7_000, 21, { a: 2 }));
  expect(heard.parts.get("bus")).toMatchObject({ counts: { clients: 61 }, countsBy: { refused: { a: 3 } } });
  heard.take("bus", "bus/bus-node-1/metric", said(17_500, 22));
  expect(heard.parts.get("bus")?.counts).toEqual({ clients: 52 });
  expect(heard.parts.get("gateway")?.counts).toEqual({ clients: 1 });
});

test.each([
  ["gw/metric", "gateway"],
  ["bus/metric", "bus"],
  ["bus/bus-node-0/metric", "bus"],
  ["bus/a/b/metric", undefined],
  ["strat/a/b/metric", undefined],
])("%s is said by %s", (topic, part) => expect(platformPartOf(topic)).toBe(part));
