import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { groupsFor, type HaltWish, notAllowed, operatorsOf } from "#core/operators.ts";
import type { Finding } from "#core/refusal.ts";
import { err, ok, type Result } from "#core/result.ts";
import { parseTeams, teamsFile } from "#core/teams.ts";
import { finding } from "./context.ts";
import { groupAccounts, groupOfToken, operatorPasswordFile } from "./operator.ts";
import { clusterDirectory, type Place } from "./site.ts";

export interface AccountOptions {
  readonly environment: string;
  /** A file with a token of the account; undefined: the embedded cluster's. */
  readonly token?: string;
}

/** As whom the bus is told. */
export interface Account {
  readonly group: string | undefined;
  readonly tokenFile: string;
}

/**
 * The account of a group that lets this person do it, where the policies name who may; the gateway judges it again. Who that is the checkout says:
 * it only chooses.
 */
export function chooseAccount(
  { state, checkout }: Place,
  wish: HaltWish,
  { environment, token }: AccountOptions,
): Result<Account, Finding> {
  if (token !== undefined) return ok({ group: groupOfToken(token, environment), tokenFile: token });
  const cluster = clusterDirectory(state);
  const account = (group: string | undefined): Result<Account, Finding> =>
    ok({ group, tokenFile: operatorPasswordFile(cluster, environment, group) });
  const known = groupAccounts(cluster, environment);
  if (known.length === 0) return account(undefined);
  const file = join(checkout, teamsFile);
  const operators = existsSync(file)
    ? operatorsOf(parseTeams(file, readFileSync(file, "utf8")).document, environment)
    : undefined;
  const own = groupsFor(operators ?? [], wish).find(({ group }) => known.includes(group));
  if (own !== undefined) return account(own.group);
  const { code, message, fix } = notAllowed(operators ?? [], wish);
  return err(finding(code, message, fix));
}
