import type { Command } from "commander";
import { formatInstant } from "#core/instant.ts";
import type { JsonObject } from "#core/json.ts";
import type { EndedWaiver, WaiverView } from "#delivery/waivers.ts";
import { type Act, type CommandContext, type CommandResult, done, refused } from "../context.ts";
import { describeEnd, soonSeconds } from "../deadlines.ts";
import { columns } from "../output.ts";
import { examples } from "../program.ts";
import { openSite } from "../site.ts";

export function define(command: Command, act: Act): void {
  command
    .description(
      "Lists the exceptions on main, the one that ends first at the top, and the last that have ended. Slipway itself takes a waiver away at its end, within a minute while a server runs; whoever lived by it is then stopped.",
    )
    .addHelpText(
      "after",
      examples([
        ["slipway waivers", "what is waived, for whom, until when"],
        ["slipway waivers --json", "for a script"],
      ]),
    )
    .action(() => act(listWaivers));
}

async function listWaivers(context: CommandContext): Promise<CommandResult> {
  const site = await openSite(context);
  if (!site.ok) return refused(context, [site.error]);
  const { readEndedWaivers, readTimed } = await import("#delivery/waivers.ts");
  const { waivers } = await readTimed(site.value.repository);
  const ended = await readEndedWaivers(site.value.repository);
  const nowSeconds = Math.floor(context.now() / 1000);
  const { line, colors } = context.out;
  if (waivers.length === 0) line("nothing is waived");
  else {
    const head = ["WAIVER", "WHAT", "FOR", "OWNER", "UNTIL", ""];
    const [title = "", ...rows] = columns([head, ...waivers.map((waiver) => cells(waiver, nowSeconds))]);
    line(colors.dim(title));
    for (const [index, row] of rows.entries()) {
      const soon = (waivers[index]?.endSeconds ?? 0) - nowSeconds <= soonSeconds;
      line(soon ? colors.yellow(row) : row);
    }
  }
  if (ended.length > 0) line("\nended:");
  for (const row of columns(ended.map(endedCells))) line(colors.dim(`  ${row}`));
  return done({
    waivers: waivers.map((waiver) => waiverJson(waiver, nowSeconds)),
    ended: ended.map((waiver) => ({ ...waiverJson(waiver, nowSeconds), removedBy: waiver.removedBy })),
  });
}

function cells(waiver: WaiverView, nowSeconds: number): readonly string[] {
  const { name, what, scope, environment, owner, endSeconds } = waiver;
  const when = formatInstant(endSeconds);
  return [name, what, `${scope} in ${environment}`, owner, when, describeEnd(endSeconds, nowSeconds)];
}

function endedCells({ name, what, scope, environment, endSeconds, removedBy }: EndedWaiver): readonly string[] {
  return [
    name,
    what,
    `${scope} in ${environment}`,
    `ended ${formatInstant(endSeconds)}`,
    `taken away by ${removedBy.slice(0, 7)}`,
  ];
}

/** Keys are API. */
function waiverJson(waiver: WaiverView, nowSeconds: number): JsonObject {
  const { name, what, environment, scope, owner, reason, until, endSeconds } = waiver;
  const secondsLeft = endSeconds - nowSeconds;
  return { name, what, environment, scope, owner, reason, until, endSeconds, secondsLeft, holds: secondsLeft > 0 };
}
