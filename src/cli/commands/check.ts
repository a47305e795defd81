import type { Command } from "commander";
import { toJson } from "#core/direction.ts";
import { type Finding, hasErrors } from "#core/refusal.ts";
import type { CheckedStrategy } from "#delivery/check.ts";
import { type Act, type CommandContext, type CommandResult, done, findingsJson, refused } from "../context.ts";
import { environmentOption } from "../environment-option.ts";
import { count, formatDuration } from "../output.ts";
import { paramsText } from "../params-text.ts";
import { examples } from "../program.ts";
import { findPackage } from "../programs.ts";
import { formatReport, parseFormat } from "../reports/report.ts";
import { findPlace } from "../site.ts";
import { parseIds } from "../strategy-ids.ts";

interface Options {
  readonly environment?: string;
  readonly format: string;
}

export function define(command: Command, act: Act): void {
  command
    .description(
      "Says everything that is wrong with strategies and policies, each at file:line:column with what is allowed and how to mend it: documents, bounds of each environment, code and its imports, params against the algorithm's describe(), totals of the team. Nothing but describe() is run, in a process that reaches nothing, and nothing is written.",
    )
    .argument("[strategies...]", "<team>/<name>, or its folder (default: all)");
  environmentOption(command, "judge for this environment alone")
    .option("--format <format>", "text, sarif (code hosts), junit (CI) or markdown", "text")
    .addHelpText(
      "after",
      examples(
        [
          ["slipway check", "everything"],
          ["slipway check momentum/sma-cross", "one strategy"],
          ["slipway check .", "the strategy whose folder this is"],
          ["slipway check strategies/momentum/sma-cross --json", "for an editor or a script"],
          ["slipway check --format sarif > slipway.sarif", "annotations on a code host"],
        ],
        { 0: "nothing is wrong (there may be warnings)", 2: "something is refused" },
      ),
    )
    .action((strategies: readonly string[], options: Options) => act((context) => check(context, strategies, options)));
}

async function check(
  context: CommandContext,
  names: readonly string[],
  { environment, format: asked }: Options,
): Promise<CommandResult> {
  const startedMs = context.steady();
  const place = findPlace(context);
  if (!place.ok) return refused(context, [place.error]);
  const ids = parseIds(names, { cwd: context.cwd, checkout: place.value.checkout });
  if (!ids.ok) return refused(context, ids.findings);
  const format = parseFormat(asked);
  if (!format.ok) return refused(context, [format.error]);
  const { checkTree } = await import("#delivery/check.ts");
  const { readWorkspace } = await import("#delivery/tree.ts");
  const report = await checkTree(await readWorkspace(place.value.checkout), {
    atSeconds: Math.floor(context.now() / 1000),
    describe: true,
    ...(names.length === 0 ? {} : { strategies: ids.ids }),
    ...(environment === undefined ? {} : { environments: [environment] }),
  });
  const findings = [...report.findings, ...unknownEnvironment(environment, report.environments)];
  if (format.value !== "text" && !context.options.json) {
    const words = { title: "slipway check", version: findPackage().version, findings, checks: report.checks };
    context.out.line((await formatReport(format.value, words)).trimEnd());
    return { exitCode: hasErrors(findings) ? 2 : 0, document: {} };
  }
  const { rules, ...others } = report.checks;
  const passed = Object.values(others).reduce((sum, number) => sum + number, 0);
  context.out.findings(findings);
  const errors = findings.filter(({ severity }) => severity === "error").length;
  const warnings = findings.length - errors;
  const spent = formatDuration(context.steady() - startedMs);
  const strategies = count(report.strategies.length, "strategy", "strategies");
  const extra = warnings === 0 ? "" : `, ${count(warnings, "warning")}`;
  const document = {
    strategies: report.strategies.map(({ id }) => id),
    descriptions: toJson(
      Object.fromEntries(
        report.strategies.flatMap(({ id, description }) => (description === undefined ? [] : [[id, description]])),
      ),
    ),
    checks: { ...report.checks },
    findings: findingsJson(findings),
  };
  if (hasErrors(findings)) {
    context.out.error(`${count(errors, "error")}${extra} in ${strategies} (${spent})`);
    return { exitCode: 2, document: { ok: false, ...document } };
  }
  // Of everything it would be a flood.
  if (names.length > 0) for (const line of report.strategies.flatMap(described)) context.out.line(line);
  const ruled = rules === 0 ? "" : `${count(rules, "rule")} and `;
  context.out.line(`${strategies} checked, ${ruled}${count(passed, "check")} passed${extra} (${spent})`);
  return done(document);
}

/** What the algorithm takes, and what the spec gives it in the environment that is judged first. */
function described({ id, description, environments }: CheckedStrategy): readonly string[] {
  if (description === undefined) return [];
  const lines = paramsText(description, environments[0]?.effective.params ?? {});
  return lines.length === 0 ? [] : [`${id} takes`, ...lines];
}

function unknownEnvironment(name: string | undefined, known: readonly string[]): readonly Finding[] {
  if (name === undefined || known.includes(name)) return [];
  const message = `there is no environment ${JSON.stringify(name)}; policies/environments has ${known.join(", ") || "none"}`;
  return [{ code: "environment-unknown", severity: "error", message, fix: "name one of them with --environment" }];
}
