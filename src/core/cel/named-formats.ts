import { parseTimestamp } from "./time.ts";
import { isUrl } from "./url.ts";

/** One of Kubernetes' named formats: what is wrong with a text, in Kubernetes' own words. */
export class NamedFormat {
  readonly kind = "format";
  readonly name: string;
  /** Of its regular expression, by which Kubernetes prices it. */
  readonly patternSize: number;
  readonly complaints: (text: string) => readonly string[];
  constructor(name: string, patternSize: number, complaints: (text: string) => readonly string[]) {
    this.name = name;
    this.patternSize = patternSize;
    this.complaints = complaints;
  }
}

const label = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const subdomain = `${label}(\\.${label})*`;
const label1035 = "[a-z]([-a-z0-9]*[a-z0-9])?";
const qualified = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const labelValue = `(${qualified})?`;

interface Rule {
  readonly pattern: string;
  readonly lengthMax: number;
  readonly message: string;
  readonly examples: readonly string[];
}

const labelRule: Rule = {
  pattern: label,
  lengthMax: 63,
  message:
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
  examples: ["my-name", "123-abc"],
};
const subdomainRule: Rule = {
  pattern: subdomain,
  lengthMax: 253,
  message:
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
  examples: ["example.com"],
};
const label1035Rule: Rule = {
  pattern: label1035,
  lengthMax: 63,
  message:
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
  examples: ["my-name", "abc-123"],
};
const labelValueRule: Rule = {
  pattern: labelValue,
  lengthMax: 63,
  message:
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  examples: ["MyValue", "my_value", "12345"],
};
const qualifiedRule: Rule = {
  pattern: qualified,
  lengthMax: 63,
  message:
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  examples: ["MyName", "my.name", "123-abc"],
};

function check(rule: Rule): (text: string) => readonly string[] {
  const pattern = new RegExp(`^${rule.pattern}$`);
  return (text) => {
    const complaints: string[] = [];
    if (new TextEncoder().encode(text).length > rule.lengthMax) complaints.push(tooLong(rule.lengthMax));
    if (!pattern.test(text)) complaints.push(patternMessage(rule));
    return complaints;
  };
}

function patternMessage({ message, examples, pattern }: Rule): string {
  const shown = examples.map((example) => `'${example}', `).join(" or ");
  return `${message} (e.g. ${shown}regex used for validation is '${pattern}')`;
}

function tooLong(lengthMax: number): string {
  return `must be no more than ${lengthMax} characters`;
}

const checkLabelRule = check(labelRule);
const checkSubdomain = check(subdomainRule);
const checkLabel1035 = check(label1035Rule);
const checkQualifiedName = check(qualifiedRule);

function checkLabel(text: string): readonly string[] {
  if (!new RegExp(`^${subdomain}$`).test(text) || !text.includes(".")) return checkLabelRule(text);
  return [...checkLabelRule(text).slice(0, -1), "must not contain dots"];
}

function checkQualified(text: string): readonly string[] {
  const [prefix, name, ...more] = text.includes("/") ? text.split("/") : [undefined, text];
  if (more.length > 0) {
    const hint = " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
    return [`a qualified name ${patternMessage(qualifiedRule)}${hint}`];
  }
  const complaints: string[] = [];
  if (prefix === "") complaints.push("prefix part must be non-empty");
  else if (prefix !== undefined) complaints.push(...checkSubdomain(prefix).map((each) => `prefix part ${each}`));
  if (name === "") complaints.push("name part must be non-empty");
  complaints.push(...checkQualifiedName(name ?? "").map((each) => `name part ${each}`));
  return complaints;
}

/** A prefix may end with a dash, since something will follow it. Kubernetes puts one letter in place of two here. */
function asPrefix(complaints: (text: string) => readonly string[]): (text: string) => readonly string[] {
  return (text) => complaints(text.length > 1 && text.endsWith("-") ? `${text.slice(0, -2)}a` : text);
}

function when(valid: (text: string) => boolean, complaint: string): (text: string) => readonly string[] {
  return (text) => (valid(text) ? [] : [complaint]);
}

/** Year 0 is one too, a leap year like year 4. */
function isDate(text: string): boolean {
  return parseTimestamp(`${text.replace(/^0000/, "0004")}T00:00:00Z`) !== undefined;
}

function isDateTime(text: string): boolean {
  const [date = "", time] = text.toLowerCase().split("t");
  const parts =
    /^([0-9]{2}):([0-9]{2}):([0-9]{2})(?:[^\n][0-9]+)?(?:z|[+-][0-9]{2}:[0-9]{2})$/.exec(time ?? "") ?? undefined;
  if (parts === undefined || !isDate(date)) return false;
  const [, hour = "", minute = "", second = ""] = parts;
  return hour <= "23" && minute <= "59" && second <= "59";
}

const uuid = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$/;

/** By the name after `format.`. */
export const namedFormats: ReadonlyMap<string, NamedFormat> = new Map(
  (
    [
      ["dns1123Label", "DNS1123Label", 30, checkLabel],
      ["dns1123Subdomain", "DNS1123Subdomain", 60, checkSubdomain],
      ["dns1035Label", "DNS1035Label", 30, checkLabel1035],
      ["qualifiedName", "QualifiedName", 60, checkQualified],
      ["dns1123LabelPrefix", "DNS1123LabelPrefix", 30, asPrefix(checkLabel)],
      ["dns1123SubdomainPrefix", "DNS1123SubdomainPrefix", 60, asPrefix(checkSubdomain)],
      ["dns1035LabelPrefix", "DNS1035LabelPrefix", 30, asPrefix(checkLabel1035)],
      ["labelValue", "LabelValue", 40, check(labelValueRule)],
      ["uri", "URI", 1103, when(isUrl, "invalid URI")],
      ["uuid", "uuid", 70, when((text) => uuid.test(text), "does not match the UUID format")],
      ["byte", "byte", 84, when((text) => base64.test(text), "invalid base64")],
      ["date", "date", 71, when(isDate, "invalid date")],
      ["datetime", "datetime", 71, when(isDateTime, "invalid datetime")],
    ] as const
  ).map(([key, name, size, complaints]) => [key, new NamedFormat(name, size, complaints)] as const),
);
