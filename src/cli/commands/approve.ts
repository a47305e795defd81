import type { Command } from "commander";
import type { Finding } from "#core/refusal.ts";
import type { Proposal } from "#forge/port.ts";
import { type Act, type CommandContext, type CommandResult, done, finding, refused } from "../context.ts";
import { gitUser, parsePerson } from "../git-user.ts";
import { count } from "../output.ts";
import { examples } from "../program.ts";
import { proposalJson } from "../proposal-json.ts";
import { describeForgeRefusal, numberMalformed, openSite, parseNumber, type Site } from "../site.ts";

export function define(command: Command, act: Act): void {
  command
    .description(
      "Approves the commits that a proposal has now; later ones need a new approval. Nobody approves their own. The local forge takes your word for who you are, so its approvals are recorded as unverified.",
    )
    .argument("<number>", "from `slipway proposals`")
    .option("--as <name>", 'who approves, "Name" or "Name <email>" (default: your Git user name)')
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
  const person = as === undefined ? await gitUser(site.value.checkout) : parsePerson(as);
  if (person === undefined)
    return refused(context, [
      finding("identity-malformed", `${JSON.stringify(as)} is no name`, 'write "Name" or "Name <email>"'),
    ]);
  const { forge } = site.value;
  const found = await forge.get(number);
  if (!found.ok) return refused(context, [describeForgeRefusal(found.error)]);
  const approved = await forge.approve(number, {
    by: person.name,
    head: found.value.head,
    timeSeconds: Math.floor(context.now() / 1000),
  });
  if (!approved.ok && approved.error.code === "self-approval")
    return refused(context, [await describeOwn(site.value, found.value, approved.error.by)]);
  if (!approved.ok) return refused(context, [describeForgeRefusal(approved.error)]);
  const unverified = forge.identities === "unverified";
  context.out.line(`proposal #${number} approved by ${person.name} at ${found.value.head.slice(0, 7)}`);
  if (unverified)
    context.out.line(
      "  this forge verifies nobody: the name is recorded as unverified, and only an embedded environment accepts it",
    );
  context.out.line(`next: slipway merge ${number}`);
  return done({ proposal: proposalJson(approved.value), by: person.name, verified: !unverified });
}

/** Nobody approves their own; what to do instead depends on whether anybody has to. */
async function describeOwn({ repository }: Site, proposal: Proposal, by: string): Promise<Finding> {
  const { number, head } = proposal;
  const say = (rest: string, fix: string): Finding =>
    finding("self-approval", `proposal #${number} is by ${by}, and nobody approves their own; ${rest}`, fix);
  const { judgeTrees } = await import("#delivery/gate.ts");
  const { createMemo } = await import("#delivery/memo.ts");
  const base = await repository.resolve(proposal.target);
  if (base === undefined) return say(`${proposal.target} is gone`, "see `slipway proposals`");
  const { verdict } = await judgeTrees(repository, proposal, { base, head }, createMemo());
  if (verdict.state === "refused")
    return say(`the gate refuses it: ${verdict.summary}`, `see \`slipway proposal ${number}\``);
  const asking = verdict.needs.filter(({ approvals }) => approvals > 0);
  if (asking.length === 0) return say("it needs no approval", `merge it: slipway merge ${number}`);
  const needs = asking.map(({ environment, approvals }) => `${environment} asks for ${count(approvals, "approval")}`);
  return say(needs.join(", "), `someone else runs: slipway approve ${number}`);
}
