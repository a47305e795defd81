import type { Finding } from "#core/refusal.ts";
import type { Webhook } from "./webhooks.ts";

/** What a forge holds people to on one branch. People are called as the forge calls them. */
export interface BranchRules {
  /** Who changes it without a pull request; undefined: everyone who may write to the repository. */
  readonly pushers: readonly string[] | undefined;
  /** Who merges a pull request into it, once its statuses are there; undefined: everyone who may write. */
  readonly mergers: readonly string[] | undefined;
  /** Who merges whatever its statuses say. */
  readonly overriders: readonly string[];
  /** Whether somebody beside the pushers rewrites its history. */
  readonly rewritten: boolean;
  /** Whether somebody beside the pushers deletes it. */
  readonly deleted: boolean;
  /** Whether somebody beside the pushers makes one of this name where there is none. */
  readonly created: boolean;
  /** What a merge waits for. `source`: whose status it must be; undefined: anybody's. */
  readonly statuses: readonly { readonly context: string; readonly source: string | undefined }[];
  /** The forge cannot say whose status it must be. */
  readonly sourceless: boolean;
}

/** A forge's own rules. Reading and writing them takes the rights of who administers the repository. */
export interface BranchRulesApi {
  /** What holds on a branch, whether it is there yet or not. */
  read(branch: string): Promise<BranchRules>;
  /** Sets what Slipway needs, on `main` and on the branches that are its own, and leaves what others have set. */
  write(): Promise<void>;
  /** Of the repository. Undefined: what tells Slipway is set elsewhere, where this token does not see. */
  webhooks(): Promise<readonly Webhook[] | undefined>;
}

export const mainBranch = "main";

/** Branches that Slipway alone writes, as patterns that both forges know. */
export const ownBranches = ["env/*", "slipway/rendered/*", "slipway/record"] as const;

export const requiredStatuses = ["slipway/gate", "slipway/approvals"] as const;

/** What on these branches is not as Slipway needs it; the same of several is said once. */
export function compareRules(found: ReadonlyMap<string, BranchRules>, writer: string): readonly Finding[] {
  const branches = new Map<string, string[]>();
  const findings = new Map<string, Finding>();
  for (const [branch, rules] of found) {
    for (const one of branch === mainBranch ? onMain(rules, writer) : onOwn(rules, writer)) {
      const key = `${one.code} ${one.message}`;
      branches.set(key, [...(branches.get(key) ?? []), branch]);
      findings.set(key, one);
    }
  }
  return [...findings].map(([key, one]) => ({ ...one, message: `${branches.get(key)?.join(", ")}: ${one.message}` }));
}

const fix = "set it with: slipway forge protect";

function error(code: string, message: string): Finding {
  return { code, severity: "error", message, fix };
}

function others(people: readonly string[] | undefined, writer: string): string {
  if (people === undefined) return "everyone who may write to the repository";
  return people.filter((name) => !isWriter(name, writer)).join(", ");
}

function isWriter(name: string, writer: string): boolean {
  return name.toLowerCase() === writer.toLowerCase();
}

function onMain(rules: BranchRules, writer: string): readonly Finding[] {
  const findings = onBoth(rules, writer);
  const pushers = others(rules.pushers, writer);
  if (pushers !== "")
    findings.push(error("forge-pushed", `${pushers} may push without a pull request, and nothing judges that first`));
  const overriders = others(rules.overriders, writer);
  if (overriders !== "") findings.push(error("forge-overridden", `${overriders} may merge whatever the statuses say`));
  for (const context of requiredStatuses) {
    const status = rules.statuses.find((each) => each.context === context);
    if (status === undefined)
      findings.push(error("forge-status-missing", `a pull request is merged without ${context}`));
    else if (!rules.sourceless && !isWriter(status.source ?? "", writer))
      findings.push(
        error(
          "forge-status-source",
          `${context} counts from ${status.source ?? "anyone"}, and not from ${writer} alone`,
        ),
      );
  }
  if (rules.sourceless)
    findings.push({
      code: "forge-status-source",
      severity: "warning",
      message: "this forge cannot say whose status it must be: whoever may write to the repository may write one",
      fix: "give write access to people who leave slipway/… alone; the server writes over it, and slipway merge believes the writer only",
    });
  return findings;
}

function onOwn(rules: BranchRules, writer: string): readonly Finding[] {
  const findings = onBoth(rules, writer);
  const pushers = others(rules.pushers, writer);
  const mergers = others(rules.mergers, writer);
  if (pushers !== "") findings.push(error("forge-own-pushed", `${pushers} may push, and only ${writer} should`));
  if (pushers === "" && mergers !== "")
    findings.push(error("forge-own-merged", `${mergers} may merge into it, and only ${writer} should write it`));
  if (pushers === "" && rules.created)
    findings.push(error("forge-own-created", `others may make a branch of this name, and only ${writer} should`));
  return findings;
}

function onBoth({ pushers, rewritten, deleted }: BranchRules, writer: string): Finding[] {
  const findings: Finding[] = [];
  if (pushers?.some((name) => isWriter(name, writer)) === false)
    findings.push(error("forge-writer-kept-out", `${writer} may not push, and Slipway writes to it`));
  if (rewritten) findings.push(error("forge-rewritten", "its history may be rewritten by a forced push"));
  if (deleted) findings.push(error("forge-deleted", "it may be deleted"));
  return findings;
}
