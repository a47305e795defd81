import type { Command } from "commander";
import type { Proposal } from "#forge/port.ts";
import { type Act, type CommandContext, type CommandResult, done, refused } from "../context.ts";
import { formatTime } from "../output.ts";
import { examples } from "../program.ts";
import { proposalJson } from "../proposal-json.ts";
import { describeForgeRefusal, numberMalformed, openSite, parseNumber } from "../site.ts";

export function define(command: Command, act: Act): void {
  command
    .description(
      "Shows one proposal: who proposes what, what the gate says of the merge result, its comment, its approvals.",
    )
    .argument("<number>", "from `slipway proposals`")
    .option("--diff", "print the changed lines too")
    .addHelpText(
      "after",
      examples([
        ["slipway proposal 42", "what it is and where it stands"],
        ["slipway proposal 42 --diff", "and what it changes"],
      ]),
    )
    .action((number: string, options: { readonly diff?: boolean }) =>
      act((context) => showProposal(context, number, options.diff === true)),
    );
}

async function showProposal(context: CommandContext, text: string, wantsDiff: boolean): Promise<CommandResult> {
  const number = parseNumber(text);
  if (number === undefined) return refused(context, [numberMalformed(text)]);
  const site = await openSite(context);
  if (!site.ok) return refused(context, [site.error]);
  const { forge, repository } = site.value;
  const found = await forge.get(number);
  if (!found.ok) return refused(context, [describeForgeRefusal(found.error)]);
  const proposal = found.value;
  const target = proposal.gate?.base ?? (await repository.resolve(proposal.target));
  const base = target === undefined ? undefined : ((await repository.mergeBase(target, proposal.head)) ?? target);
  const { readableChanges } = await import("#delivery/readable-changes.ts");
  const changed = base === undefined ? [] : ((await readableChanges(repository, base, proposal.head)) ?? []);
  const { line } = context.out;
  for (const shown of describe(proposal)) line(shown);
  for (const { path, status } of changed) line(`  ${status.padEnd(9)} ${path}`);
  if (proposal.comment !== undefined) line(`\n${proposal.comment}`);
  const diff = wantsDiff && base !== undefined ? await repository.diffText(base, proposal.head) : undefined;
  if (diff !== undefined) line(`\n${diff}`);
  if (proposal.state === "open")
    line(
      proposal.gate?.state === "refused"
        ? `next: mend it and deploy again, or give it up: slipway close ${number}`
        : `next: slipway merge ${number}`,
    );
  return done({
    proposal: proposalJson(proposal),
    comment: proposal.comment ?? null,
    changes: changed.map(({ path, status }) => ({ path, status })),
    ...(diff === undefined ? {} : { diff }),
  });
}

function describe(proposal: Proposal): readonly string[] {
  const { gate } = proposal;
  return [
    `proposal #${proposal.number}  ${proposal.title}`,
    ...(proposal.description === "" ? [] : [`  ${proposal.description.replaceAll("\n", "\n  ")}`]),
    `  proposed  by ${proposal.author}   ${formatTime(proposal.openedSeconds)}   ${proposal.head.slice(0, 7)}`,
    `  gate      ${gate === undefined ? "pending" : `${gate.state}: ${gate.summary}`}`,
    ...proposal.approvals.map((approval) => `  approved  by ${approval.by}   ${formatTime(approval.timeSeconds)}`),
    `  state     ${describeState(proposal)}`,
  ];
}

function describeState({ state, mergedAs, closed }: Proposal): string {
  if (mergedAs !== undefined) return `${state} as ${mergedAs.slice(0, 7)}`;
  if (closed === undefined) return state;
  return `closed by ${closed.by}   ${formatTime(closed.timeSeconds)}${closed.reason === "" ? "" : `   ${closed.reason}`}`;
}
