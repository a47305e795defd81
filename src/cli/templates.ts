import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { Fault } from "#core/result.ts";

/**
 * The files below a template folder with `{{name}}` replaced. A file that npm or editors would treat specially is kept as `dot-name` and gets its dot back; one
 * that is no valid source before that ends in `.template`.
 *
 * @throws Fault `package-broken` if the folder is missing or a placeholder has no value
 */
export async function readTemplates(
  folder: string,
  values: Readonly<Record<string, string>>,
): Promise<ReadonlyMap<string, string>> {
  let entries: Awaited<ReturnType<typeof listFiles>>;
  try {
    entries = await listFiles(folder);
  } catch (cause) {
    throw new Fault("package-broken", `the template ${folder} is missing`, { cause });
  }
  const files = new Map<string, string>();
  for (const path of entries) {
    const text = (await readFile(join(folder, path), "utf8")).replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
      const value = values[name];
      if (value === undefined) throw new Fault("package-broken", `the template ${path} wants {{${name}}}`);
      return value;
    });
    files.set(path.replace(/(^|\/)dot-/g, "$1.").replace(/\.template$/, ""), text);
  }
  return files;
}

async function listFiles(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}
