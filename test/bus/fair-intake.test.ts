import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FairIntake } from "#bus/fair-intake.ts";
import { packet, publish } from "./packets.ts";

const speakerOf = (topic: string): string | undefined => /^strat\/([^/]+)\/say$/.exec(topic)?.[1];

interface Sent {
  readonly bytes: Buffer;
  /** Undefined: it goes on at once. */
  readonly speaker?: string;
}

const sent: fc.Arbitrary<Sent> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(fc.constantFrom("A", "A", "A", "B", "C"), fc.constantFrom(0x30, 0x32, 0x3a), fc.string({ maxLength: 300 }))
      .map(([speaker, first, payload]) => ({ bytes: publish(first, `strat/${speaker}/say`, payload), speaker })),
  },
  // Nobody's topics; a name that is no ASCII; one that is longer than its packet; no identifier; no body; no PUBLISH.
  fc
    .constantFrom("md/replay/A/quote", "strat/A/say/more", "strat/é/x", "")
    .map((topic) => ({ bytes: publish(0x31, topic, "{}") })),
  fc
    .constantFrom(
      packet(0x30, Buffer.from([0, 200, 0x61])),
      packet(0x32, Buffer.from([0, 1, 0x61])),
      packet(0x30, Buffer.alloc(0)),
      packet(0x40, Buffer.from([0, 1])),
      packet(0xd0, Buffer.alloc(0)),
    )
    .map((bytes) => ({ bytes })),
);

/** As many messages of QoS 1 of one speaker, the first with the identifier 1. */
function said(speaker: string, count: number, payload = "x"): Buffer {
  const each = Array.from({ length: count }, (_, index) => publish(0x32, `strat/${speaker}/say`, payload, index + 1));
  return Buffer.concat(each);
}

function drained(intake: FairIntake): readonly Buffer[] {
  return intake.turn(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
}

const speakersIn = (frames: readonly Buffer[]): string =>
  frames.map((frame) => /strat\/(\w)/.exec(frame.toString("latin1"))?.[1]).join("");

describe("what many say to one", () => {
  test("property: however the bytes are cut, each is heard in its order, in turns, and all else goes on at once", () => {
    fc.assert(
      fc.property(
        fc.array(sent, { maxLength: 80 }),
        fc.array(fc.tuple(fc.nat({ max: 600 }), fc.nat({ max: 6 }))),
        (packets, cuts) => {
          const dropped: string[] = [];
          const intake = new FairIntake({ of: speakerOf, perSecond: 1_000, dropped: (topic) => dropped.push(topic) });
          const all = Buffer.concat(packets.map(({ bytes }) => bytes));
          const passed: Buffer[] = [];
          const handed: Buffer[] = [];
          let at = 0;
          // The buffer is used again, as a socket does.
          const buffer = Buffer.alloc(all.length + 1);
          for (const [size, takes] of [...cuts, [all.length, packets.length] as const]) {
            const chunk = all.subarray(at, at + size);
            buffer.fill(0xff).set(chunk);
            const { passed: more, answers } = intake.take(buffer.subarray(0, chunk.length), 0);
            expect(answers).toEqual([]);
            passed.push(...more);
            at += chunk.length;
            handed.push(...intake.turn(takes, Number.POSITIVE_INFINITY));
          }
          expect([intake.size, drained(intake), dropped]).toEqual([0, [], []]);
          const of = (speaker: string | undefined): Buffer =>
            Buffer.concat(packets.filter((each) => each.speaker === speaker).map(({ bytes }) => bytes));
          expect(Buffer.concat(passed).equals(of(undefined))).toBe(true);
          for (const speaker of ["A", "B", "C"]) {
            const own = handed.filter((frame) => speakersIn([frame]) === speaker);
            expect(Buffer.concat(own).equals(of(speaker))).toBe(true);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  test("property: whoever speaks is behind one message of each of the others, whatever they have said", () => {
    const speakers = ["A", "B", "C", "D"];
    const counts = fc.tuple(...speakers.slice(0, -1).map(() => fc.nat({ max: 50 })));
    fc.assert(
      fc.property(counts, fc.nat({ max: 20 }), (before, taken) => {
        const intake = new FairIntake({ of: speakerOf, perSecond: 1_000, dropped: () => undefined });
        for (const [index, count] of before.entries()) intake.take(said(speakers[index] ?? "", count), 0);
        intake.turn(taken, Number.POSITIVE_INFINITY);
        intake.take(said("D", 1), 0);
        expect(speakersIn(drained(intake)).indexOf("D")).toBeLessThan(speakers.length);
      }),
    );
  });

  test("what is too much in a second is acknowledged and told of, and harms nobody else; the next second is a new one", () => {
    const dropped: string[] = [];
    const intake = new FairIntake({ of: speakerOf, perSecond: 3, dropped: (topic) => dropped.push(topic) });
    const { answers } = intake.take(said("A", 5), 999);
    expect(answers).toEqual([Buffer.from([0x40, 2, 0, 4]), Buffer.from([0x40, 2, 0, 5])]);
    expect(dropped).toEqual(["strat/A/say", "strat/A/say"]);
    // Of QoS 0 there is nothing to acknowledge.
    expect(intake.take(publish(0x30, "strat/A/say", "x"), 999).answers).toEqual([]);
    intake.take(said("B", 3), 999);
    expect(intake.turn(9, 1).length).toBe(2);
    expect(speakersIn(intake.turn(3, 9))).toBe("ABA");
    expect(speakersIn(drained(intake))).toBe("B");
    intake.take(said("A", 3), 1_000);
    expect([speakersIn(drained(intake)), dropped.length]).toEqual(["AAA", 3]);
  });

  test.each([
    ["messages", "x", 400],
    // 6,016 bytes each, 256 KiB of them.
    ["bytes", "x".repeat(6_000), 43],
  ])("so many %s wait of one at most, however long nobody comes to them", (_what, payload, most) => {
    let dropped = 0;
    const intake = new FairIntake({
      ...{ of: speakerOf, perSecond: 400 },
      dropped: () => {
        dropped += 1;
      },
    });
    for (let second = 0; second < 3; second += 1) intake.take(said("A", 400, payload), second * 1_000);
    expect([intake.size, dropped]).toEqual([most, 1_200 - most]);
    expect(drained(intake)).toHaveLength(most);
    intake.take(said("A", 1, payload), 9_000);
    expect(intake.size).toBe(1);
  });

  test("all together bind 32 MiB and what each has as its first: many who flood at once are no way to the memory", () => {
    const dropped = new Map<string, number>();
    const intake = new FairIntake({
      ...{ of: speakerOf, perSecond: 400 },
      dropped: (topic) => dropped.set(topic, (dropped.get(topic) ?? 0) + 1),
    });
    const payload = "x".repeat(60_000);
    for (let speaker = 0; speaker < 200; speaker += 1) intake.take(said(`s${speaker}`, 4, payload), 0);
    // 139 may say all four, 60 their first.
    expect(intake.size).toBeGreaterThan(600);
    expect(intake.size).toBeLessThan(640);
    // The last ones may say one message each.
    expect(dropped.get("strat/s0/say")).toBeUndefined();
    expect(dropped.get("strat/s199/say")).toBe(3);
    drained(intake);
    intake.take(said("s199", 4, payload), 1_000);
    expect(intake.size).toBe(4);
  });

  test("a packet that is larger than any goes on as it is, behind all that waits, and with all after it", () => {
    const intake = new FairIntake({ of: speakerOf, perSecond: 9, dropped: () => undefined });
    const huge = Buffer.concat([said("A", 1), Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 1, 2, 3])]);
    expect(Buffer.concat([...intake.take(huge, 0).passed])).toEqual(huge);
    expect([intake.take(Buffer.from([4, 5]), 0).passed, intake.size]).toEqual([[Buffer.from([4, 5])], 0]);
  });
});
