import { method, type Overload } from "./overloads.ts";
import { type CivilTime, civil, parseZone } from "./time.ts";
import { Failure } from "./values.ts";

const getters: readonly (readonly [name: string, read: (time: CivilTime) => number])[] = [
  ["getFullYear", (time) => time.year],
  ["getMonth", (time) => time.month - 1],
  ["getDayOfYear", (time) => time.dayOfYear],
  ["getDayOfMonth", (time) => time.day - 1],
  ["getDate", (time) => time.day],
  ["getDayOfWeek", (time) => time.weekday],
  ["getHours", (time) => time.hour],
  ["getMinutes", (time) => time.minute],
  ["getSeconds", (time) => time.second],
  ["getMilliseconds", (time) => Number(time.nanos / 1_000_000n)],
];

const zoneComplaint = (zone: string) =>
  parseZone(zone) === undefined
    ? {
        message: `the time zone ${JSON.stringify(zone)} is outside the profile`,
        fix: "write an offset: +02:00, or UTC",
      }
    : undefined;

const spans: readonly (readonly [name: string, nanos: bigint])[] = [
  ["getHours", 3_600_000_000_000n],
  ["getMinutes", 60_000_000_000n],
  ["getSeconds", 1_000_000_000n],
];

/** Parts of a time, in UTC or at an offset, and of a duration. */
export const clockFields: readonly Overload[] = [
  ...getters.flatMap(([name, read]) => [
    method(name, ["timestamp"], "int", (time) => BigInt(read(civil(time, 0)))),
    method(
      name,
      ["timestamp", "string"],
      "int",
      (time, zone) => {
        const offset = parseZone(zone);
        return offset === undefined ? new Failure(`unknown time zone ${zone}`) : BigInt(read(civil(time, offset)));
      },
      { complaint: zoneComplaint },
    ),
  ]),
  ...spans.map(([name, nanos]) => method(name, ["duration"], "int", (duration) => duration.nanos / nanos)),
  method("getMilliseconds", ["duration"], "int", (duration) => duration.nanos / 1_000_000n),
];
