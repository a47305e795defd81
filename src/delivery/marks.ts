import { type Finding, findingText } from "#core/refusal.ts";
import type { Annotation, Approval, Marks } from "#forge/port.ts";
import { weighApprovals } from "./approvals.ts";
import type { Verdict } from "./verdict.ts";

/**
 * How a list shows a proposal, and whose review is asked for: of the members whom an open need names, those who may approve and have not. Where anyone
 * may, nobody in particular is asked.
 */
export function marksOf(verdict: Verdict, approvals: readonly Approval[]): Marks {
  const tool = verdict.tool === undefined ? [] : ["slipway/tool"];
  if (verdict.state === "refused") return { labels: ["slipway/refused", ...tool], reviewers: [] };
  const open = weighApprovals(verdict, approvals).needs.filter(({ missing }) => missing > 0);
  const limits = verdict.strategies.flatMap(({ environments }) => environments).flatMap((each) => each.limits);
  const loosens = limits.some(({ direction }) => direction !== "tighter");
  return {
    labels: [
      open.length > 0 ? "slipway/needs-approval" : "slipway/ready",
      ...(loosens ? ["slipway/loosens"] : []),
      ...tool,
    ],
    reviewers: [
      ...new Set(open.flatMap(({ candidates, by }) => candidates?.filter((name) => !by.includes(name)) ?? [])),
    ],
  };
}

/** The findings that have a line. */
export function annotationsOf(findings: readonly Finding[]): readonly Annotation[] {
  return findings.flatMap((finding) => {
    const { place, severity, fix } = finding;
    if (place?.line === undefined) return [];
    const message = fix === undefined ? findingText(finding) : `${findingText(finding)}\nfix: ${fix}`;
    return [{ path: place.file, line: place.line, severity, message }];
  });
}
