import type { Finding } from "#core/refusal.ts";
import type { ForgeRefusal } from "#forge/port.ts";
import type { CommandContext, CommandResult, JsonDocument } from "./context.ts";
import { finding, refused } from "./context.ts";
import { describeForgeRefusal } from "./site.ts";

/** What a refusal of the delivery room looks like: its own sentence, and the findings it stands on. */
interface DeliveryRefusal {
  readonly code: string;
  readonly message: string;
  readonly fix: string;
  readonly findings: readonly Finding[];
  readonly refusal?: ForgeRefusal;
}

/** The findings first, then the sentence that sums them up. */
export function refusedDelivery(
  context: CommandContext,
  refusal: DeliveryRefusal,
  document: JsonDocument = {},
): CommandResult {
  if (refusal.refusal !== undefined) return refused(context, [describeForgeRefusal(refusal.refusal)], document);
  return refused(context, [...refusal.findings, finding(refusal.code, refusal.message, refusal.fix)], document);
}
