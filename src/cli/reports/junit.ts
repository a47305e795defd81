import XMLBuilder from "fast-xml-builder";
import { type Finding, formatPlace } from "#core/refusal.ts";
import type { Report } from "./report.ts";

interface Case {
  readonly "@name": string;
  readonly "@classname": string;
  readonly failure?: { readonly "@message": string; readonly "@type": string; readonly "#text": string };
  readonly "system-out"?: string;
}

/**
 * JUnit XML as CI systems read it: a suite per file, a case per finding (an error is a failure), and for what passed one case a check, so that
 * a clean run is not an empty one.
 */
export function formatJunit({ title, findings, checks }: Report): string {
  const files = Map.groupBy(findings, ({ place }) => place?.file ?? title);
  const suites = [...files].map(([file, own]) => suite(file, own.map(caseOf)));
  const passed = Object.entries(checks).map(([name, count]) => ({
    "@name": `${name}: ${count} passed`,
    "@classname": title,
  }));
  const all = [suite(title, passed), ...suites];
  const failures = findings.filter(({ severity }) => severity === "error").length;
  const builder = new XMLBuilder({
    ignoreAttributes: false,
    attributeNamePrefix: "@",
    format: true,
    suppressEmptyNode: true,
  });
  const document = {
    "?xml": { "@version": "1.0", "@encoding": "UTF-8" },
    testsuites: {
      "@name": title,
      "@tests": String(passed.length + findings.length),
      "@failures": String(failures),
      testsuite: all,
    },
  };
  return `${builder.build(document)}`;
}

function suite(name: string, cases: readonly Case[]): object {
  const failures = cases.filter(({ failure }) => failure !== undefined).length;
  return { "@name": name, "@tests": String(cases.length), "@failures": String(failures), testcase: cases };
}

function caseOf({ code, rule, severity, message, fix, place }: Finding): Case {
  const where = place === undefined ? "" : `${formatPlace(place)} `;
  const text = visible(`${where}${message}${fix === undefined ? "" : `\nfix: ${fix}`}`);
  const named = { "@name": visible(`${where}${rule ?? code}`), "@classname": code };
  if (severity !== "error") return { ...named, "system-out": text };
  return { ...named, failure: { "@message": visible(message), "@type": code, "#text": text } };
}

/** Characters that XML 1.0 does not have [XML 1.0, 2.2] are shown as the replacement character. */
function visible(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: naming them is the purpose.
  return text.toWellFormed().replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "\ufffd");
}
