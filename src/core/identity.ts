import { type Brand, err, ok, type Result } from "./result.ts";

/** A team's or strategy's name: a DNS label (RFC 1123) of at most 40 characters, so that object names derived from it stay within 63. */
export type Label = Brand<string, "Label">;
/** `<team>/<name>`. */
export type StrategyId = Brand<string, "StrategyId">;
/** A DNS label without a hyphen: namespaces are `<team>-<environment>` and must split one way only. */
export type EnvironmentName = Brand<string, "EnvironmentName">;

export interface NameMalformed {
  readonly code: "name-malformed";
  readonly text: string;
  readonly allowed: string;
}

const label = /^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/;
const systemPrefixes = ["kube", "slipway", "argocd", "default", "openshift"];

export function parseLabel(text: string): Result<Label, NameMalformed> {
  if (label.test(text) && !text.includes("--")) return ok(text as Label);
  return err({
    code: "name-malformed",
    text,
    allowed: "1 to 40 characters: lower-case letters, digits and single hyphens, starting with a letter",
  });
}

/** What commands call everybody, and what they put before a team's name. */
const targetWords = ["all", "team"];

/** A team's name; names that would make a system namespace, or that a command would take for others, are refused. */
export function parseTeam(text: string): Result<Label, NameMalformed> {
  const prefix = systemPrefixes.find((reserved) => text === reserved || text.startsWith(`${reserved}-`));
  if (prefix !== undefined) {
    return err({
      code: "name-malformed",
      text,
      allowed: `a name that is not, and does not start with, "${prefix}": it is reserved for system namespaces`,
    });
  }
  if (targetWords.includes(text)) {
    return err({ code: "name-malformed", text, allowed: `a name other than "all" and "team", which commands use` });
  }
  return parseLabel(text);
}

export function parseStrategyId(text: string): Result<StrategyId, NameMalformed> {
  const [team, name, rest] = text.split("/");
  const allowed = "<team>/<name>, for example momentum/sma-cross";
  if (team === undefined || name === undefined || rest !== undefined)
    return err({ code: "name-malformed", text, allowed });
  const teamResult = parseTeam(team);
  if (!teamResult.ok) return err({ ...teamResult.error, text });
  const nameResult = parseLabel(name);
  if (!nameResult.ok) return err({ ...nameResult.error, text });
  return ok(text as StrategyId);
}

/** The name of a rule, waiver or freeze: that of its file. */
export function parsePolicyName(text: string): Result<string, NameMalformed> {
  if (/^[a-z](?:[a-z0-9-]{0,58}[a-z0-9])?$/.test(text) && !text.includes("--")) return ok(text);
  return err({
    code: "name-malformed",
    text,
    allowed: "1 to 60 characters: lower-case letters, digits and single hyphens, starting with a letter",
  });
}

export function parseEnvironmentName(text: string): Result<EnvironmentName, NameMalformed> {
  if (/^[a-z][a-z0-9]{0,14}$/.test(text)) return ok(text as EnvironmentName);
  return err({
    code: "name-malformed",
    text,
    allowed: "1 to 15 lower-case letters and digits, starting with a letter, no hyphen",
  });
}

export function splitStrategyId(id: StrategyId): { readonly team: Label; readonly name: Label } {
  const [team, name] = id.split("/");
  return { team: team as Label, name: name as Label };
}

/** The Kubernetes namespace of a team in an environment. */
export function teamNamespace(team: string, environment: string): string {
  return `${team}-${environment}`;
}

/** The namespace of the bus, the gateway and the feeds of an environment. */
export function platformNamespace(environment: string): string {
  return `slipway-${environment}`;
}

/** The port of a cluster's console that tells what it heard, and its Service as the API server's proxy names it. */
export const consolePort = "telemetry";
export const consoleService = `console:${consolePort}`;

/** Who a client of the bus is: `<namespace>/<service account>`. It is the MQTT user name. */
export function busIdentity(namespace: string, serviceAccount: string): string {
  return `${namespace}/${serviceAccount}`;
}

/** The MQTT client id of an identity. `_` cannot stand in a Kubernetes name, so two identities never share one; a dot would be refused by NATS. */
export function busClientId(identity: string): string {
  return identity.replace("/", "_");
}
