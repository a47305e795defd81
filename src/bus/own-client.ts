import { randomBytes, timingSafeEqual } from "node:crypto";
import { type Access, recorderAccess } from "#core/access.ts";

/** The bus's own client at its broker: the one identity whose password this process makes itself, anew at each start. */
export interface OwnClient {
  readonly access: Access;
  readonly password: string;
  /** Whether that is the password. */
  isPassword(given: string): boolean;
  /** Everyone's rules, and its own. */
  with(access: ReadonlyMap<string, Access>): ReadonlyMap<string, Access>;
}

/** @param node which of several brokers it is beside */
export function ownClient(environment: string, node?: string): OwnClient {
  const access = recorderAccess(environment, node);
  const password = randomBytes(24).toString("base64url");
  const known = Buffer.from(password);
  let last: { readonly of: ReadonlyMap<string, Access>; readonly all: ReadonlyMap<string, Access> } | undefined;
  return {
    access,
    password,
    isPassword(given) {
      const bytes = Buffer.from(given);
      return bytes.length === known.length && timingSafeEqual(bytes, known);
    },
    with(others) {
      if (last?.of !== others) last = { of: others, all: new Map(others).set(access.identity, access) };
      return last.all;
    },
  };
}
