import type { Location, Log, ReportingDescriptor, Result as SarifResult } from "sarif";
import type { Finding, Place } from "#core/refusal.ts";
import type { Report } from "./report.ts";

/**
 * SARIF 2.1.0 (OASIS), as code hosts take it for annotations: one run, a rule for each code, paths relative to the repository.
 * Columns count UTF-16 code units, as ours do.
 */
export function formatSarif({ findings, version }: Report): string {
  const ids = [...new Set(findings.map(idOf))].sort();
  const log: Log = {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: { driver: { name: "slipway", version, rules: ids.map((id) => descriptor(id, findings)) } },
        columnKind: "utf16CodeUnits",
        originalUriBaseIds: { ROOT: { description: { text: "The repository's root." } } },
        results: findings.map((finding) => resultOf(finding, ids)),
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

/** A rule of the policies is known by its own name, everything else by its code. */
function idOf({ rule, code }: Finding): string {
  return rule ?? code;
}

function descriptor(id: string, findings: readonly Finding[]): ReportingDescriptor {
  const [first] = findings.filter((finding) => idOf(finding) === id);
  return { id, ...(first?.fix === undefined ? {} : { help: { text: first.fix } }) };
}

function resultOf(finding: Finding, ids: readonly string[]): SarifResult {
  const { severity, message, fix, place, bound } = finding;
  const related = bound === undefined ? [] : [{ ...location(bound), message: { text: "set here" } }];
  return {
    ruleId: idOf(finding),
    ruleIndex: ids.indexOf(idOf(finding)),
    level: severity === "error" ? "error" : "warning",
    message: { text: fix === undefined ? message : `${message}. Fix: ${fix}` },
    locations: place === undefined ? [] : [location(place)],
    ...(related.length === 0 ? {} : { relatedLocations: related }),
  };
}

function location({ file, line, column, length }: Place): Location {
  const start = column === undefined ? {} : { startColumn: column, endColumn: column + Math.max(1, length ?? 1) };
  return {
    physicalLocation: {
      artifactLocation: { uri: file.split("/").map(encodeURIComponent).join("/"), uriBaseId: "ROOT" },
      ...(line === undefined ? {} : { region: { startLine: line, ...start } }),
    },
  };
}
