import { freePort, isFree } from "#bus/loopback.ts";
import type { Finding } from "#core/refusal.ts";
import { err, ok, type Result } from "#core/result.ts";
import { finding } from "../context.ts";

export interface WantedPort {
  /** What listens there, for the message: `bus`, `console`. */
  readonly part: string;
  readonly option: string;
  readonly usual: number;
  /** What the person asked for; undefined takes the usual one, or another if that is busy. */
  readonly given: number | undefined;
}

export interface ChosenPort {
  readonly port: number;
  /** Why it is not the usual one. */
  readonly note: string | undefined;
}

/** A port that a person named is taken or refused, never exchanged: something else points to it. The usual one may give way. */
export async function choosePort(wanted: WantedPort): Promise<Result<ChosenPort, Finding>> {
  const asked = wanted.given ?? wanted.usual;
  // 0 means "any", and is only free at the moment it is asked for, like every other.
  if (asked === 0) return ok({ port: await freePort(), note: undefined });
  if (await isFree(asked)) return ok({ port: asked, note: undefined });
  if (wanted.given !== undefined) {
    return err(
      finding(
        "port-in-use",
        `port ${asked} for the ${wanted.part} is in use on 127.0.0.1`,
        `end what listens there, or name another with ${wanted.option} (0 takes any free one)`,
      ),
    );
  }
  return ok({ port: await freePort(), note: `${asked} is in use` });
}

/** @returns undefined unless the text is a port number, 0 to 65535 */
export function parsePort(text: string): number | undefined {
  if (!/^\d{1,5}$/.test(text)) return undefined;
  const port = Number(text);
  return port <= 65_535 ? port : undefined;
}
