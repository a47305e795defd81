// The linters of GitHub's workflow files.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Artifact, cacheFolder } from "../kubernetes/artifacts.ts";

export const goModule = join(import.meta.dirname, "go");

export function actionlintArtifact(cache: string = cacheFolder()): Artifact {
  const pinned = readFileSync(join(goModule, "go.mod"), "utf8");
  const version = /github\.com\/rhysd\/actionlint v(\d+\.\d+\.\d+)/.exec(pinned)?.[1];
  if (version === undefined) throw new Error("go.mod does not require actionlint");
  return { name: "actionlint", version, folder: join(cache, `actionlint-${version}`) };
}

/** A program that comes as a Python package, `bin/zizmor`. */
export function zizmorArtifact(cache: string = cacheFolder()): Artifact {
  const version = "1.32.0";
  return { name: "zizmor", version, folder: join(cache, `zizmor-${version}`) };
}
