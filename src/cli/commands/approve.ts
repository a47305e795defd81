import type { Command } from "commander";
import type { Finding } from "#core/refusal.ts";
import { describeAsked } from "#delivery/approvals.ts";
import type { Verdict } from "#delivery/gate.ts";
import type { Memo } from "#delivery/memo.ts";
import { actingPerson } from "../acting.ts";
import { type Act, type CommandContext, type CommandResult, done, finding, refused } from "../context.ts";
import type { Person } from "../git-user.ts";
import { withPlane } from "../plane.ts";
import { examples } from "../program.ts";
import { proposalJson } from "../proposal-json.ts";
import { describeForgeRefusal, numberMalformed, openSite, parseNumber, type Site } from "../site.ts";

export function define(command: Command, act: Act): void {
  command
    .description(
      "Approves what a proposal changes now, and shows it: the approval stands through a rebase, and falls when other objects change, or bounds and rules that touch them. Nobody approves their own. The local forge takes your word for who you are, so its approvals are recorded as unverified.",
    )
    .argument("<number>", "from `slipway proposals`")
    .option(
      "--as <name>",
      'who approves, "Name" or "Name <email>" (default: your Git user name; a forge on the network knows it by the token)',
    )
    .addHelpText(
      "after",
      examples([
        ["slipway approve 42", "as your Git user"],
        ["slipway approve 42 --as bob", "as bob; nothing verifies it here"],
      ]),
    )
    .action((number: string, options: { readonly as?: string }) =>
      act((context) => approve(context, number, options.as)),
    );
}

async function approve(context: CommandContext, text: string, as: string | undefined): Promise<CommandResult> {
  const number = parseNumber(text);
  if (number === undefined) return refused(context, [numberMalformed(text)]);
  const site = await openSite(context);
  if (!site.ok) return refused(context, [site.error]);
  const person = await actingPerson(site.value, as);
  if (!person.ok) return refused(context, [person.error]);
  const by = person.value;
  const held = await withPlane(context, site.value, (memo) => approveAs(context, site.value, memo, number, by));
  return held.ok ? held.value.value : refused(context, [held.error]);
}

/** Judges what is there now, shows it, and approves exactly that. */
async function approveAs(
  context: CommandContext,
  { repository, forge, mirror }: Site,
  memo: Memo,
  number: number,
  person: Person,
): Promise<CommandResult> {
  const found = await forge.get(number);
  if (!found.ok) return refused(context, [describeForgeRefusal(found.error)]);
  const { state, author, authorEmail } = found.value;
  if (state !== "open") return refused(context, [describeForgeRefusal({ code: "proposal-not-open", number, state })]);
  const { judge, preview } = await import("#delivery/gate.ts");
  const { shortDigest, weighApprovals } = await import("#delivery/approvals.ts");
  const { describeNeeds, describeVerdict } = await import("../verdict-text.ts");
  const verdict = await (mirror === undefined ? judge : preview)({ repository, forge, number, memo });
  const own = [person.name, person.email].some((said) =>
    [author, authorEmail].some((known) => known?.toLowerCase() === said.toLowerCase()),
  );
  if (own) return refused(context, [describeOwn(verdict, person.name)]);
  const { approvalDigest: digest, head, summary } = verdict;
  if (digest === undefined) {
    const message = `the gate refuses proposal #${number}: ${summary}; there is nothing to approve until it is mended`;
    return refused(context, [
      ...verdict.findings,
      finding("gate-refused", message, `see \`slipway proposal ${number}\``),
    ]);
  }
  const timeSeconds = Math.floor(context.now() / 1000);
  const approved = await forge.approve(number, { by: person.name, email: person.email, head, digest, timeSeconds });
  if (!approved.ok) return refused(context, [describeForgeRefusal(approved.error)]);
  const { line } = context.out;
  line(`proposal #${number}  ${verdict.title}`);
  for (const shown of describeVerdict({ ...verdict, needs: [] })) line(shown);
  line(
    `  approved  by ${person.name}: these changes, and the bounds and rules that touch them (${shortDigest(digest)})`,
  );
  const weighed = weighApprovals(verdict, approved.value.approvals);
  for (const shown of describeNeeds(weighed, number)) line(shown);
  const unverified = forge.identities === "unverified";
  if (unverified)
    line(
      "  this forge verifies nobody: the name is recorded as unverified, and only an embedded environment accepts it",
    );
  line(`next: slipway merge ${number}`);
  const document = { proposal: proposalJson(approved.value), by: person.name, verified: !unverified };
  return done({ ...document, digest, counts: weighed.counted.includes(person.name) });
}

/** Nobody approves their own; what to do instead depends on whether anybody has to. */
function describeOwn({ number, state, summary, needs }: Verdict, by: string): Finding {
  const say = (rest: string, fix: string): Finding =>
    finding("self-approval", `proposal #${number} is by ${by}, and nobody approves their own; ${rest}`, fix);
  if (state === "refused") return say(`the gate refuses it: ${summary}`, `see \`slipway proposal ${number}\``);
  if (needs.length === 0) return say("it needs no approval", `merge it: slipway merge ${number}`);
  return say(`it needs ${needs.map(describeAsked).join(", ")}`, `someone else runs: slipway approve ${number}`);
}
