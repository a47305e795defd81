// What a run of the scale bench has found, for people.
import type { Costs } from "./scale-cost.ts";

export interface Rendered {
  readonly what: string;
  readonly cpuSeconds: number;
  /** Of the whole environment. */
  readonly files: number;
  readonly bytes: number;
  readonly changed: number;
}

export interface Phase {
  readonly name: string;
  /** From the commit until every Application that it concerns is Synced and Healthy. */
  readonly seconds: number;
  /** How many those are. */
  readonly applications: number;
  /** Over which `costs` are counted: until nothing was left to do. */
  readonly windowSeconds: number;
  /** Runnable processes of the machine, by the kernel's average of a minute. */
  readonly load: number;
  readonly costs: Costs;
}

export interface ScaleReport {
  readonly strategies: number;
  readonly teams: number;
  readonly shape: string;
  readonly settings: string;
  readonly rendered: readonly Rendered[];
  readonly largestObject: { readonly path: string; readonly bytes: number };
  readonly phases: readonly Phase[];
  readonly applications: { readonly count: number; readonly bytes: number; readonly largestBytes: number };
  /** Of objects that change beside one that admission refuses: seconds until they were there, or undefined. */
  readonly beside: { readonly [where: string]: number | undefined };
}

const mebibyte = 2 ** 20;

export function formatReport(report: ScaleReport): string {
  const { strategies, teams, shape, settings, rendered, largestObject, phases, applications, beside } = report;
  const lines = [
    `${strategies} strategies of ${teams} teams, an Application a ${shape}, Argo CD's settings: ${settings}`,
    ...rendered.map(
      ({ what, cpuSeconds, files, bytes, changed }) =>
        `render ${what}: ${cpuSeconds.toFixed(2)} s CPU; ${files} objects, ${(bytes / mebibyte).toFixed(1)} MiB, ${changed} changed`,
    ),
    `largest object: ${largestObject.path}, ${Math.round(largestObject.bytes / 1024)} KiB`,
  ];
  if (phases.length > 0) lines.push("", ...phaseTable(phases));
  if (applications.count > 0)
    lines.push(
      "",
      `${applications.count} Applications, ${(applications.bytes / mebibyte).toFixed(1)} MiB in all, the largest ${Math.round(applications.largestBytes / 1024)} KiB`,
    );
  for (const [where, seconds] of Object.entries(beside))
    lines.push(`a change beside an object that admission refuses, ${where}: ${shown(seconds)}`);
  return lines.join("\n");
}

function shown(seconds: number | undefined): string {
  return seconds === undefined ? "not there" : `there after ${seconds.toFixed(1)} s`;
}

function phaseTable(phases: readonly Phase[]): readonly string[] {
  const parts = [...(phases[0]?.costs.keys() ?? [])];
  const head = ["", ...phases.map(({ name }) => name)];
  const rows = [
    ["seconds until settled", ...phases.map(({ seconds }) => seconds.toFixed(1))],
    ["Applications", ...phases.map(({ applications }) => String(applications))],
    ["counted over, seconds", ...phases.map(({ windowSeconds }) => windowSeconds.toFixed(0))],
    ["load", ...phases.map(({ load }) => load.toFixed(1))],
    ...parts.map((part) => [
      `${part}, CPU s`,
      ...phases.map(({ costs }) => costs.get(part)?.cpuSeconds.toFixed(1) ?? ""),
    ]),
    ["all, CPU s", ...phases.map(({ costs }) => total(costs).toFixed(1))],
    ...parts.map((part) => [
      `${part}, MiB (most)`,
      ...phases.map(({ costs }) => memory(costs.get(part)?.residentBytes, costs.get(part)?.peakBytes)),
    ]),
  ];
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ");
  return [head, ...rows].map(line);
}

function total(costs: Costs): number {
  let sum = 0;
  for (const { cpuSeconds } of costs.values()) sum += cpuSeconds;
  return sum;
}

function memory(now = 0, most = 0): string {
  return `${Math.round(now / mebibyte)} (${Math.round(most / mebibyte)})`;
}

/** A report as JSON would have it. */
export function toJson(report: ScaleReport): unknown {
  return {
    ...report,
    phases: report.phases.map((phase) => ({ ...phase, costs: Object.fromEntries(phase.costs) })),
  };
}
