import type { Command } from "commander";
import type { StrategyId } from "#core/identity.ts";
import { type Act, type CommandContext, type CommandResult, done, finding, refused } from "../context.ts";
import { parsePerson } from "../git-user.ts";
import { count } from "../output.ts";
import { withPlane } from "../plane.ts";
import { examples } from "../program.ts";
import { findPlace } from "../site.ts";
import { parseIds } from "../strategy-ids.ts";
import { parseSeconds } from "../waiting.ts";

interface Options {
  readonly merge?: boolean;
  readonly policies?: boolean;
  readonly flips?: string;
  readonly claims?: string;
  readonly removes?: string;
  readonly title?: string;
  readonly as?: string;
  readonly takeOver?: boolean;
  readonly timeout: string;
}

export function define(command: Command, act: Act): void {
  command
    .description(
      "Proposes strategies exactly as they stand in this checkout, and says what the gate makes of it. With --merge it merges what passed and waits until it runs. Said again it goes on where it was: an open proposal is moved to the newer content, and nothing is proposed twice.",
    )
    .argument("[strategies...]", "<team>/<name>, or its folder (default: all that differ from main)")
    .option("-m, --merge", "merge when the gate has passed, and wait until it is rendered, synced and running")
    .option("--policies", "propose policies/ with it, or alone")
    .option("--flips <stop>", "with --policies: stop the strategies that the new policies refuse")
    .option("--claims <never-grew>", "a smaller resources.state: say that the sync of the larger one failed")
    .option("--removes <count>", "how many strategies it takes out of an environment, if they are many at once")
    .option("--title <text>", "one line that says what changes (default: written from the difference)")
    .option("--as <name>", 'who proposes, "Name" or "Name <email>" (default: your Git user name)')
    .option("--take-over", "close the open proposal of someone else for the same, in your name, and propose this")
    .option("--timeout <seconds>", "how long --merge waits", "60")
    .addHelpText(
      "after",
      examples(
        [
          ["slipway deploy momentum/sma-cross", "propose, and see what the gate says"],
          ["slipway deploy momentum/sma-cross --merge", "and merge, and watch it start"],
          ["slipway deploy --merge", "everything that differs from main, as one proposal"],
          ["slipway deploy --policies", "the bounds in policies/"],
        ],
        {
          1: "something outside failed, or it did not run in time (the merge stands)",
          2: "refused by the check, the gate, or for want of approvals",
        },
      ),
    )
    .action((strategies: readonly string[], options: Options) =>
      act((context) => deploy(context, strategies, options)),
    );
}

async function deploy(context: CommandContext, names: readonly string[], options: Options): Promise<CommandResult> {
  const place = findPlace(context);
  if (!place.ok) return refused(context, [place.error]);
  const ids = parseIds(names, { cwd: context.cwd, checkout: place.value.checkout });
  if (!ids.ok) return refused(context, ids.findings);
  if (options.flips !== undefined && (options.flips !== "stop" || options.policies !== true))
    return refused(context, [
      finding(
        "flips-malformed",
        `--flips ${options.flips} is not known here`,
        "write --flips stop together with --policies, or leave it out",
      ),
    ]);
  if (options.claims !== undefined && options.claims !== "never-grew")
    return refused(context, [
      finding("claims-malformed", `--claims ${options.claims} is not known here`, "write --claims never-grew"),
    ]);
  if (options.removes !== undefined && !/^[1-9]\d{0,5}$/.test(options.removes))
    return refused(context, [
      finding("removes-malformed", `--removes ${options.removes} is no number`, "write --removes 12"),
    ]);
  const timeoutMs = parseSeconds("--timeout", options.timeout);
  if (!timeoutMs.ok) return refused(context, [timeoutMs.error]);
  const named = options.as === undefined ? undefined : parsePerson(options.as);
  if (options.as !== undefined && named === undefined) {
    return refused(context, [
      finding("identity-malformed", `${JSON.stringify(options.as)} is no name`, 'write "Name" or "Name <email>"'),
    ]);
  }
  const { openToPropose } = await import("../open-site.ts");
  const opened = await openToPropose(context, place.value);
  if (!opened.ok) return refused(context, opened.error);
  const { site, person } = opened.value;
  const { compareCheckout } = await import("../checkout.ts");
  const { workspace, strategies: changed, policies: policyChanges } = await compareCheckout(site);
  const policies = options.policies === true;
  let chosen: readonly StrategyId[] = ids.ids;
  if (names.length === 0 && !policies) {
    chosen = changed.filter(({ kind }) => kind !== "deleted").map(({ id }) => id);
    const gone = changed.filter(({ kind }) => kind === "deleted").map(({ id }) => id);
    if (gone.length > 0)
      context.out.error(
        `not proposed: ${gone.join(", ")} ${gone.length === 1 ? "is" : "are"} on main and not here; name ${gone.length === 1 ? "it" : "them"} to propose the removal`,
      );
  }
  if (chosen.length === 0 && !policies) {
    context.out.line("nothing to propose: main holds every strategy as it is here");
    if (policyChanges.length > 0)
      context.out.line(`  ${count(policyChanges.length, "difference")} in policies: slipway deploy --policies`);
    const document = { proposal: null, outcome: "nothing", message: "main holds every strategy as it is here" };
    // Not where a removal was left out: then it is that which is new.
    if (options.merge !== true || changed.length > 0) return done(document);
    const held = await withPlane(context, site, async () => undefined);
    if (!held.ok) return refused(context, [held.error]);
    const { followMergedBefore } = await import("../merged-before.ts");
    const following = { strategies: [], plane: held.value.plane, timeoutMs: timeoutMs.value };
    return followMergedBefore(context, site, following, document);
  }
  const { proposeDeploy } = await import("#delivery/propose.ts");
  const { ship } = await import("../ship.ts");
  const title = options.title === undefined ? {} : { title: options.title };
  return ship(
    context,
    site,
    (request) =>
      proposeDeploy({
        ...request,
        workspace,
        strategies: chosen,
        policies,
        stopsFlipped: options.flips === "stop",
        takesOver: options.takeOver === true,
        neverGrew: options.claims === "never-grew",
        ...(options.removes === undefined ? {} : { removes: Number(options.removes) }),
        ...title,
      }),
    {
      person: named ?? person,
      merge: options.merge === true,
      timeoutMs: timeoutMs.value,
      strategies: chosen,
    },
  );
}
