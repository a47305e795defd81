import { stat } from "node:fs/promises";
import { join } from "node:path";

/** Changes whenever the branch of an environment may have moved, whatever keeps the repository's refs. It reads no Git. */
export async function branchMark(repository: string, environment: string): Promise<string> {
  const files = [`refs/heads/env/${environment}`, "packed-refs", join("reftable", "tables.list")];
  const marks = await Promise.all(
    files.map((file) =>
      stat(join(repository, file)).then(
        (at) => `${at.ino}:${at.size}:${at.mtimeMs}`,
        () => "",
      ),
    ),
  );
  return marks.join("|");
}
