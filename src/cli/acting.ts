import type { Finding } from "#core/refusal.ts";
import { err, ok, type Result } from "#core/result.ts";
import { finding } from "./context.ts";
import { gitUser, type Person, parsePerson } from "./git-user.ts";
import type { Site } from "./site.ts";

/**
 * In whose name a command acts: where the forge knows its users, theirs whose token it is.
 *
 * @param as what `--as` says; default: whom the checkout's Git knows
 */
export async function actingPerson({ forge, checkout }: Site, as?: string): Promise<Result<Person, Finding>> {
  const known = await forge.caller?.();
  if (known === undefined) {
    const person = as === undefined ? await gitUser(checkout) : parsePerson(as);
    if (person !== undefined) return ok(person);
    return err(finding("identity-malformed", `${JSON.stringify(as)} is no name`, 'write "Name" or "Name <email>"'));
  }
  if (as === undefined) return ok({ name: known.name, email: known.email ?? `${known.name}@localhost` });
  return err(
    finding(
      "identity-known",
      `this forge knows its users: the token is ${known.name}'s, whatever --as says`,
      "leave out --as, or set SLIPWAY_FORGE_TOKEN to a token of whoever does it",
    ),
  );
}
