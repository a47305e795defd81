import { type FreezeDocument, freezeWindow } from "#core/freeze.ts";
import { formatInstant } from "#core/instant.ts";
import type { Parsed } from "#core/parse.ts";
import type { Policies } from "#core/policies.ts";
import type { Finding } from "#core/refusal.ts";
import { type WaiverDocument, waiverDaysMax, waiverEnd } from "#core/waiver.ts";
import type { SourceTree } from "./tree.ts";

const daySeconds = 86_400;

/**
 * What a proposal says of time: a waiver that it brings or changes must end, soon and not in the past; a freeze must not be over. The time is that
 * of main, so that the same commits give the same answer.
 *
 * @param policies of the merge result
 * @param atSeconds committer date of the base
 */
export function checkWindows(
  before: SourceTree,
  after: SourceTree,
  policies: Policies,
  atSeconds: number,
): readonly Finding[] {
  const isNew = (folder: string, name: string): boolean => {
    const path = `policies/${folder}/${name}.yaml`;
    const [old, now] = [before.get(path), after.get(path)];
    return old === undefined || now === undefined || !Buffer.from(old.bytes).equals(now.bytes);
  };
  const findings: (Finding | undefined)[] = [];
  for (const [name, waiver] of policies.waivers)
    if (isNew("waivers", name)) findings.push(checkWaiver(waiver, atSeconds));
  for (const [name, freeze] of policies.freezes)
    if (isNew("freezes", name)) findings.push(checkFreeze(freeze, atSeconds));
  return findings.filter((finding) => finding !== undefined);
}

function checkWaiver(waiver: Parsed<WaiverDocument>, atSeconds: number): Finding | undefined {
  if (waiver.document === undefined) return undefined;
  const { until } = waiver.document.spec;
  const end = waiverEnd(waiver.document);
  const latest = atSeconds + waiverDaysMax * daySeconds;
  const lastDay = formatInstant(latest - daySeconds).slice(0, 10);
  const place = { pointer: "/spec/until", place: waiver.locate("/spec/until") };
  if (end <= atSeconds)
    return {
      code: "waiver-ended",
      severity: "error",
      message: `until ${until} is over: it is ${formatInstant(atSeconds)} on main`,
      fix: "write a later end, or take the waiver out",
      ...place,
    };
  if (end <= latest) return undefined;
  return {
    code: "waiver-too-long",
    severity: "error",
    message: `until ${until} is ${Math.ceil((end - atSeconds) / daySeconds)} days after ${formatInstant(atSeconds)}, which it is on main; a waiver lasts at most ${waiverDaysMax} days`,
    fix: `write ${lastDay} or earlier; what shall hold for longer is a bound or a rule`,
    ...place,
  };
}

function checkFreeze(freeze: Parsed<FreezeDocument>, atSeconds: number): Finding | undefined {
  if (freeze.document === undefined || freezeWindow(freeze.document).untilSeconds > atSeconds) return undefined;
  const { until, timeZone } = freeze.document.spec;
  return {
    code: "freeze-ended",
    severity: "error",
    message: `until ${until} ${timeZone} is over: it is ${formatInstant(atSeconds)} on main`,
    fix: "write a later end, or take the freeze out",
    pointer: "/spec/until",
    place: freeze.locate("/spec/until"),
  };
}
