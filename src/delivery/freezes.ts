import { formatChange } from "#core/direction.ts";
import { type FreezeDocument, isFrozen } from "#core/freeze.ts";
import type { Parsed } from "#core/parse.ts";
import type { Policies } from "#core/policies.ts";
import type { Finding } from "#core/refusal.ts";
import type { DirectedChange } from "./directions.ts";

/** A freeze that holds now. */
export interface ActiveFreeze {
  readonly name: string;
  readonly document: FreezeDocument;
  readonly parsed: Parsed<FreezeDocument>;
}

const shownMax = 3;

/** The freezes in force at an instant, by name. */
export function activeFreezes({ freezes }: Policies, atSeconds: number): readonly ActiveFreeze[] {
  const active: ActiveFreeze[] = [];
  for (const [name, parsed] of [...freezes].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const { document } = parsed;
    if (document !== undefined && isFrozen(document, atSeconds)) active.push({ name, document, parsed });
  }
  return active;
}

/**
 * What a proposal may not change now: in a frozen environment only what tightens is merged. One finding a freeze, environment and file.
 *
 * @param active of the base's policies
 */
export function checkFreezes(active: readonly ActiveFreeze[], changes: readonly DirectedChange[]): readonly Finding[] {
  const loose = changes.filter(({ direction }) => direction !== "tighter");
  const files = [...new Set(loose.map(({ file }) => file))];
  return active.flatMap((freeze) =>
    freeze.document.spec.environments.flatMap((environment) =>
      files.flatMap((file) => {
        const own = loose.filter(
          (change) => change.file === file && (change.environments?.includes(environment) ?? true),
        );
        return own.length === 0 ? [] : [refuse(freeze, environment, file, own)];
      }),
    ),
  );
}

function refuse(
  { name, document, parsed }: ActiveFreeze,
  environment: string,
  file: string,
  changes: readonly DirectedChange[],
): Finding {
  const { until, timeZone, reason } = document.spec;
  const said = changes.slice(0, shownMax).map(formatChange);
  const more = changes.length > shownMax ? ` and ${changes.length - shownMax} more` : "";
  return {
    code: "frozen",
    severity: "error",
    environment,
    message: `${environment} is frozen by ${name} until ${until} ${timeZone} (${reason}), and this does more than tighten: ${said.join(", ")}${more}`,
    fix: "propose it again after the freeze; stops, deletions and lower limits or bounds pass",
    place: { file },
    bound: parsed.locate("/spec/until"),
  };
}
