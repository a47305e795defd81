// What the forges' tests need beside this checkout.
import { join } from "node:path";
import { type Artifact, cacheFolder, versionIn } from "../kubernetes/artifacts.ts";

/** The Go module that pins every module of Gitea; `go.sum` beside it pins their content. */
export const goModule = join(import.meta.dirname, "go");

/** The program `gitea`, and in `static/` what it reads beside itself. */
export function giteaArtifact(cache: string = cacheFolder()): Artifact {
  const version = versionIn(goModule, "code.gitea.io/gitea");
  return { name: "gitea", version, folder: join(cache, `gitea-${version}`) };
}

/** `api.github.com.json`: GitHub's own description of its REST interface, out of the npm package `@octokit/openapi`. */
export function githubDescriptionArtifact(cache: string = cacheFolder()): Artifact {
  const version = "23.0.2";
  return { name: "github-openapi", version, folder: join(cache, `github-openapi-${version}`) };
}
