import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import type { Command } from "commander";
import { hasErrors } from "#core/refusal.ts";
import { type Act, type CommandContext, type CommandResult, done, finding, findingsJson, refused } from "../context.ts";
import { environmentOption } from "../environment-option.ts";
import { columns, count } from "../output.ts";
import { examples } from "../program.ts";
import { embeddedEnvironment, findPlace } from "../site.ts";

interface Options {
  readonly environment: string;
  readonly output?: string;
}

/** Only a folder that this command wrote is replaced. */
const mark = ".slipway-rendered";

export function define(command: Command, act: Act): void {
  command.description(
    "Makes the Kubernetes and Argo CD manifests of an environment from the checkout as it stands: the same bytes that the environment branch would hold, and the same objects as `npx cdk8s synth`. Without --output it lists the files with their digests.",
  );
  environmentOption(command, "which environment", embeddedEnvironment)
    .option("-o, --output <dir>", "write the files there; the folder must be new, empty, or an earlier output")
    .addHelpText(
      "after",
      examples(
        [
          ["slipway render", "what env/paper would hold"],
          ["slipway render --output /tmp/paper", "as files"],
        ],
        { 2: "refused: a document is wrong, or the folder holds something else" },
      ),
    )
    .action((options: Options) => act((context) => render(context, options)));
}

async function render(context: CommandContext, { environment, output }: Options): Promise<CommandResult> {
  const place = findPlace(context);
  if (!place.ok) return refused(context, [place.error]);
  const { renderWorkspace } = await import("#delivery/render.ts");
  const { files, findings } = await renderWorkspace(
    place.value.checkout,
    environment,
    Math.floor(context.now() / 1000),
  );
  if (hasErrors(findings)) return refused(context, findings, { environment });
  context.out.findings(findings);
  const listed = [...files].map(([path, text]) => ({ path, sha256: createHash("sha256").update(text).digest("hex") }));
  if (output === undefined) {
    for (const line of columns(listed.map(({ path, sha256 }) => [sha256.slice(0, 12), path]))) context.out.line(line);
  } else {
    const folder = resolve(context.cwd, output);
    if (!(await isOurs(folder))) {
      const message = `${output} holds something that this command did not write, and nothing is overwritten`;
      return refused(context, [finding("output-not-empty", message, "name a new or empty folder")]);
    }
    await writeAll(folder, files);
    context.out.line(
      `${count(files.size, "manifest")} of ${environment} written to ${relative(context.cwd, folder) || "."}`,
    );
  }
  return done({ environment, files: listed, findings: findingsJson(findings) });
}

async function isOurs(folder: string): Promise<boolean> {
  if (!existsSync(folder)) return true;
  const names = await readdir(folder);
  return names.length === 0 || names.includes(mark);
}

async function writeAll(folder: string, files: ReadonlyMap<string, string>): Promise<void> {
  if (existsSync(folder))
    for (const name of await readdir(folder)) if (name !== mark) await rm(join(folder, name), { recursive: true });
  await mkdir(folder, { recursive: true });
  // Written first: a run that was killed half-way can be repeated.
  await writeFile(join(folder, mark), "Everything here is replaced by `slipway render`.\n");
  for (const [path, text] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}
