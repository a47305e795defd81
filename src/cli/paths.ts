import { createHash } from "node:crypto";
import { existsSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import type { Finding } from "#core/refusal.ts";
import { err, ok, type Result } from "#core/result.ts";
import type { Variables } from "./context.ts";

/**
 * The repository a command works on: what `--directory` names, else the nearest folder upwards with `policies/` and `strategies/`.
 *
 * @returns its real absolute path, or `repository-missing`
 */
export function findRepository(cwd: string, directory: string | undefined): Result<string, Finding> {
  if (directory !== undefined) {
    const given = resolve(cwd, directory);
    if (isRepository(given)) return ok(realpathSync(given));
    return err(missing(`${directory} is not a Slipway repository: it has no policies/ and strategies/ folders`));
  }
  let folder = resolve(cwd);
  for (;;) {
    if (isRepository(folder)) return ok(realpathSync(folder));
    const parent = dirname(folder);
    if (parent === folder) {
      return err(
        missing(
          "neither this folder nor one above it is a Slipway repository: none has policies/ and strategies/ folders",
        ),
      );
    }
    folder = parent;
  }
}

/** Where this repository's forge, logs and lock live: outside the checkout, which is never modified. */
export function stateDirectory(
  repository: string,
  given: string | undefined,
  variables: Variables,
  cwd: string,
): string {
  if (given !== undefined) return resolve(cwd, given);
  const named = variables["SLIPWAY_STATE"];
  if (named !== undefined && named !== "") return resolve(cwd, named);
  const base = variables["XDG_STATE_HOME"];
  const home = variables["HOME"] ?? homedir();
  // The XDG specification: a relative path there is invalid and to be ignored.
  const root = base?.startsWith("/") === true ? base : join(home, ".local", "state");
  const digest = createHash("sha256").update(repository).digest("hex").slice(0, 8);
  return join(root, "slipway", `${basename(repository)}-${digest}`);
}

/**
 * Whether a path is the folder or lies in it, also through symbolic links; what is not there yet stands where it would be made.
 *
 * @param folder a real absolute path
 */
export function isInside(folder: string, path: string): boolean {
  let there = path;
  while (!existsSync(there) && dirname(there) !== there) there = dirname(there);
  const real = join(realpathSync(there), relative(there, path));
  return real === folder || real.startsWith(`${folder}${sep}`);
}

/** A path as a person types it: `~` for the home folder. */
export function shortPath(path: string, variables: Variables): string {
  const home = variables["HOME"];
  if (home === undefined || home === "" || home === "/") return path;
  return path === home || path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path;
}

function isRepository(folder: string): boolean {
  return existsSync(join(folder, "policies")) && existsSync(join(folder, "strategies"));
}

function missing(message: string): Finding {
  return {
    code: "repository-missing",
    severity: "error",
    message,
    fix: "go into one, name one with --directory, or make one with `slipway init <folder>`",
  };
}
