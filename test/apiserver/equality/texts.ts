// Texts around a bound, written well and badly.
import type { BoundName } from "#core/bounds.ts";
import { manyInstruments } from "./setting.ts";

const amounts = (bound: string): readonly string[] => {
  const [whole = "", fraction = ""] = bound.split(".");
  const units = BigInt(whole + fraction.padEnd(8, "0"));
  const text = (value: bigint): string => {
    const digits = value.toString().padStart(9, "0");
    return `${digits.slice(0, -8)}.${digits.slice(-8)}`.replace(/\.?0+$/, "") || "0";
  };
  const around = [units, units + 1n, units - 1n, units * 2n, units / 3n].map(text);
  const odd = [
    "0",
    "0.0",
    "0.00000001",
    "1",
    "1.0",
    "1.10",
    "01",
    "1.",
    ".5",
    "-1",
    "+1",
    "1e3",
    "1E3",
    "1k",
    "2Ki",
    "1,000",
    " 1",
    "1 ",
    "NaN",
    "1.000000001",
    "１",
    "",
    "999999999999999",
    "1000000000000000",
  ];
  return [...around, ...odd, `${bound}0`, `0${bound}`];
};

const rates = (bound: string): readonly string[] => {
  const [, count = "1", seconds = "1"] = /^(\d+)\/(\d+)s$/.exec(bound) ?? [];
  const [n, s] = [Number(count), Number(seconds)];
  const around = [
    [n, s],
    [n + 1, s],
    [n - 1, s],
    [n, s + 1],
    [n, s - 1],
    [n * 2, s * 2],
    [n * 2, s * 2 - 1],
    [Math.floor(n / 2), Math.ceil(s / 2)],
    [Math.ceil(n / s), 1],
    [Math.floor(n / s), 1],
    [n, 86_400],
    [n, 86_401],
    [1, 86_399],
    [999_999, 86_400],
    [1_000_000, 1],
  ];
  return [
    ...around.map(([a, b]) => `${a}/${b}s`),
    "1/1",
    "1/1m",
    "01/1s",
    "1/01s",
    "1.0/1s",
    "-1/1s",
    "1/-1s",
    " 1/1s",
    "1/1s ",
    "1/1ss",
    "",
    "/",
    "1//1s",
  ];
};

const cpus = (bound: string): readonly string[] => {
  const milli = bound.endsWith("m") ? Number(bound.slice(0, -1)) : Number(bound) * 1000;
  const around = [milli, milli + 1, milli - 1, milli * 2].flatMap((value) => [`${value}m`, String(value / 1000)]);
  return [
    ...around,
    "0",
    "0m",
    "1",
    "1000m",
    "1.000",
    "0.5",
    "0.0001",
    "1k",
    "1e0",
    "-1",
    "1n",
    "100u",
    "",
    "01",
    "1Mi",
    "999999999m",
  ];
};

const memories = (bound: string): readonly string[] => {
  const [, number = "1", unit = "Mi"] = /^([\d.]+)(\w+)$/.exec(bound) ?? [];
  const around = [number, String(Number(number) + 1), String(Number(number) - 1), String(Number(number) / 2)].map(
    (each) => `${each}${unit}`,
  );
  return [
    ...around,
    "1Ki",
    "1024Ki",
    "1Mi",
    "1023Mi",
    "1Gi",
    "0.25Gi",
    "1Ti",
    "1025Ti",
    "0",
    "0Mi",
    "1M",
    "1e6",
    "-1Mi",
    "",
    "1mi",
    "1Pi",
    "268435456",
    "268435457",
    "1.5Mi",
    "1536",
  ];
};

const lists = (bound: readonly string[]): readonly string[] => {
  const [first = "", second = first] = bound;
  return [
    first,
    `${first},${second}`,
    bound.slice(0, 200).join(","),
    bound.slice(0, 201).join(","),
    `${first},DOGE`,
    "DOGE",
    `${first},${first}`,
    `${first},`,
    `,${first}`,
    "",
    ",",
    first.toLowerCase(),
    ` ${first}`,
    `${first} `,
    `${first}x`,
    manyInstruments.slice(0, 3).join(","),
  ];
};

const addresses = (bound: readonly string[]): readonly string[] => [
  ...bound,
  ...bound.map((each) => `${each}x`),
  "tcp://10.1.2.3:4243",
  "tcp://10.1.2.4:4242",
  "tcp://evil.example:4242",
  "tcp+json://10.1.2.3:4242",
  "unix:///etc/passwd",
  "service:other",
  "module:/opt/algorithm/algorithm.mjs",
  "unix:///run/slipway/algorithm.sock",
  "",
  "tcp://10.1.2.3",
  "http://10.1.2.3:4242",
];

/** Values around a bound, written well and badly. */
export function textsAround(bound: BoundName, value: string | readonly string[]): readonly string[] {
  if (typeof value !== "string") return bound === "rpcAddresses" ? addresses(value) : lists(value);
  switch (bound) {
    case "orderRate":
      return rates(value);
    case "cpu":
      return cpus(value);
    case "memory":
    case "state":
      return memories(value);
    default:
      return amounts(value);
  }
}
