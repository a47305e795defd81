import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { parseEnvironment } from "#core/environment.ts";
import { hasErrors } from "#core/refusal.ts";
import { assert } from "#core/result.ts";
import { type Act, type CommandContext, type CommandResult, done, finding, refused } from "../context.ts";
import { environmentOption } from "../environment-option.ts";
import { examples } from "../program.ts";
import { embeddedEnvironment, findPlace } from "../site.ts";

export function define(command: Command, act: Act): void {
  command.description(
    "Prints what an administrator applies to a cluster with Argo CD once: the root Application, from which everything of the environment comes, its project, and the bus's right to verify tokens. From then on Git is the only way in.",
  );
  environmentOption(command, "which environment", embeddedEnvironment)
    .addHelpText(
      "after",
      examples([["slipway bootstrap --environment live | kubectl apply --server-side -f -", "once a cluster"]], {
        2: "refused: a document is wrong, names no cluster, or an image that was never built",
      }),
    )
    .action(({ environment }: { readonly environment: string }) => act((context) => bootstrap(context, environment)));
}

async function bootstrap(context: CommandContext, environment: string): Promise<CommandResult> {
  const place = findPlace(context);
  if (!place.ok) return refused(context, [place.error]);
  const file = `policies/environments/${environment}.yaml`;
  const { renderWorkspace } = await import("#delivery/render.ts");
  const atSeconds = Math.floor(context.now() / 1000);
  const { files, findings } = await renderWorkspace(place.value.checkout, environment, atSeconds);
  if (hasErrors(findings)) return refused(context, findings, { environment });
  const { document } = parseEnvironment(file, await readFile(join(place.value.checkout, file), "utf8"));
  assert(document !== undefined, "what was rendered has been read");
  const { spec } = document;
  if (spec.cluster === undefined) {
    const message = `${file} names no cluster: neither where Argo CD reads Git, nor where the API server is`;
    return refused(context, [finding("cluster-unknown", message, "add spec.cluster; docs/operations.md says how")]);
  }
  const images = [...Object.values(spec.images), ...Object.values(spec.runtimes).map(({ image }) => image)];
  const unbuilt = images.filter((image) => /@sha256:0{64}$/.test(image));
  if (unbuilt.length > 0) {
    const message = `${file} names images that were never built: ${[...new Set(unbuilt)].join(", ")}`;
    return refused(context, [
      finding(
        "image-unbuilt",
        message,
        `in a checkout of Slipway: npx node images/build.ts --output <folder> --environment ${file}`,
      ),
    ]);
  }
  const { renderBootstrap } = await import("#charts/bootstrap.ts");
  const manifests = renderBootstrap(environment, files);
  context.out.line(manifests.trimEnd());
  return done({ environment, manifests });
}
