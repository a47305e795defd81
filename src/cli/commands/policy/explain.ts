import type { Command } from "commander";
import { type BoundValue, formatBound } from "#core/bounds.ts";
import type { JsonObject } from "#core/json.ts";
import { formatPlace, type Place } from "#core/refusal.ts";
import { nearest } from "#core/suggest.ts";
import type { FieldExplanation, StrategyExplanation } from "#delivery/explain.ts";
import { type Act, type CommandContext, type CommandResult, done, finding, refused } from "../../context.ts";
import { environmentOption } from "../../environment-option.ts";
import { columns } from "../../output.ts";
import { examples } from "../../program.ts";
import { findPlace } from "../../site.ts";
import { parseIds } from "../../strategy-ids.ts";

interface Options {
  readonly environment?: string;
}

export function define(command: Command, act: Act): void {
  command
    .description(
      "Says of each limit and resource of a strategy: its effective value and the line that sets it, the bound it is held against and the line that sets that, and who may change the bound. From this folder as it stands.",
    )
    .argument("<strategy>", "<team>/<name>, or its folder")
    .argument("[field]", "one field, for example maxOrderNotional (default: all)");
  environmentOption(command, "in this environment alone")
    .addHelpText(
      "after",
      examples([
        ["slipway policy explain momentum/sma-cross", "everything that bounds it"],
        ["slipway policy explain momentum/sma-cross memory", "one value, at length"],
      ]),
    )
    .action((strategy: string, field: string | undefined, options: Options) =>
      act((context) => explain(context, strategy, field, options)),
    );
}

async function explain(
  context: CommandContext,
  name: string,
  field: string | undefined,
  { environment }: Options,
): Promise<CommandResult> {
  const place = findPlace(context);
  if (!place.ok) return refused(context, [place.error]);
  const ids = parseIds([name], { cwd: context.cwd, checkout: place.value.checkout });
  if (!ids.ok) return refused(context, ids.findings);
  const { readFleet } = await import("#delivery/fleet.ts");
  const { createMemo } = await import("#delivery/memo.ts");
  const { readWorkspace } = await import("#delivery/tree.ts");
  const { explainStrategy } = await import("#delivery/explain.ts");
  const memo = createMemo();
  const fleet = readFleet(await readWorkspace(place.value.checkout), memo);
  const [id] = ids.ids;
  const strategy = id === undefined ? undefined : fleet.strategies.get(id);
  if (strategy === undefined)
    return refused(context, [
      finding("strategy-missing", `there is no strategy ${name} here`, "slipway check lists what there is"),
    ]);
  const all = explainStrategy(fleet, strategy, Math.floor(context.now() / 1000), memo);
  const shown = all.filter((one) => environment === undefined || one.environment === environment);
  if (shown.length === 0)
    return refused(context, [
      finding(
        "nothing-to-explain",
        `${name} is in ${environment ?? "no environment"} ${environment === undefined ? "that can be read" : "neither by its spec nor by the policies"}`,
        `slipway check ${name} says what is wrong with it`,
      ),
    ]);
  const known = all[0]?.fields.map((one) => one.field as string) ?? [];
  if (field !== undefined && !known.includes(field)) {
    const near = nearest(field, known);
    return refused(context, [
      finding(
        "field-unknown",
        `${JSON.stringify(field)} has no bound`,
        near === undefined ? `write one of ${known.join(", ")}` : `write ${near}`,
      ),
    ]);
  }
  for (const one of shown) {
    const lines = field === undefined ? table(one) : detail(one, field);
    for (const line of lines) context.out.line(line);
  }
  return done({ explanations: JSON.parse(JSON.stringify(shown)) as JsonObject[] });
}

function table({ id, environment, fields }: StrategyExplanation): readonly string[] {
  const rows = fields.map(({ field, value, from, place, bound, boundOwners }) => [
    field,
    value === undefined ? "–" : short(value),
    from === "default" ? "default" : where(place, id),
    short(bound.value),
    `${bound.place.file.replace("policies/", "")}:${bound.place.line ?? 1}`,
    boundOwners.join(", "),
  ]);
  const head = ["FIELD", "VALUE", "SET IN", "BOUND", "IN policies/", "CHANGED BY"];
  return [`${id} in ${environment}`, ...columns([head, ...rows]).map((line) => `  ${line}`)];
}

/** A list takes little room in a table; the field by itself shows it whole. */
function short(value: BoundValue): string {
  if (typeof value === "string") return value;
  return value.length <= 2 ? formatBound(value) : `${value.length} names`;
}

function detail({ id, environment, fields }: StrategyExplanation, wanted: string): readonly string[] {
  const found = fields.find(({ field }) => field === wanted);
  if (found === undefined) return [];
  const { field, value, from, place, bound, boundOwners, rules } = found;
  return [
    `${id} in ${environment}: ${field} is ${value === undefined ? "not set" : formatBound(value)}`,
    `  set       ${sourceText(from, environment)}, ${formatPlace(place)}`,
    `  bound     ${formatBound(bound.value)} of ${bound.of}, ${formatPlace(bound.place)}`,
    `  changed   the bound by ${boundOwners.join(", ")}${bound.waiver === undefined ? "" : "; it is a waiver, and ends"}`,
    ...(rules.length === 0 ? [] : [`  rules     ${rules.join(", ")}`]),
  ];
}

function sourceText(from: FieldExplanation["from"], environment: string): string {
  if (from === "default") return `by ${environment}'s default`;
  return from === "spec" ? "in the spec" : `in the spec's entry for ${environment}`;
}

function where({ file, line }: Place, id: string): string {
  return `${file.replace(`strategies/${id}/`, "")}:${line ?? 1}`;
}
