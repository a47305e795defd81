// Holds every request that the GitHub adapter sends, and every field that it reads of an answer, to GitHub's own OpenAPI description.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv, type ValidateFunction } from "ajv";
import type { Kit } from "#forge/github/kit.ts";
import { githubDescriptionArtifact } from "./artifacts.ts";

type Json = { [key: string]: unknown };

export interface GithubDescription {
  /** The template of an address that was filled in, for example of the next page of a list. */
  templateOf(method: string, path: string): string | undefined;
  /** What of a request is not as documented. */
  checkRequest(method: string, template: string, query: readonly string[], body: unknown): readonly string[];
  /** Whether the operation's answer has this field, for example `*.head.sha`, and may hold this value there. */
  checkField(method: string, template: string, status: number, path: string, value: unknown): readonly string[];
}

const methods = /^(?:get|put|post|patch|delete)$/;

export function readDescription(): GithubDescription {
  const file = join(githubDescriptionArtifact().folder, "api.github.com.json");
  if (!existsSync(file)) throw new Error("GitHub's description is not there; run node test/forge-servers/build.ts");
  const document = withoutNullable(JSON.parse(readFileSync(file, "utf8"))) as Json;
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false, logger: false });
  ajv.addSchema({ ...document, $id: "github" });
  const compiled = new Map<string, ValidateFunction>();
  const validator = (pointer: string): ValidateFunction => {
    const known = compiled.get(pointer) ?? ajv.compile({ $ref: `github#${pointer}` });
    compiled.set(pointer, known);
    return known;
  };
  const operations = operationsOf(document);
  const at = (pointer: string): unknown => resolve(document, pointer).value;
  const templates = Object.keys(document["paths"] as Json).map((template) => ({
    template,
    pattern: patternOf(template),
  }));
  return {
    templateOf(method, path) {
      const fits = templates.filter(
        ({ template, pattern }) => pattern.test(path) && operations.has(`${method} ${normal(template)}`),
      );
      const parameters = (template: string): number => template.split("{").length;
      return fits.sort((a, b) => parameters(a.template) - parameters(b.template))[0]?.template;
    },
    checkRequest(method, template, query, body) {
      const found = operations.get(`${method} ${normal(template)}`);
      if (found === undefined) return [`${method} ${template} is no operation of GitHub's`];
      const names = parametersOf(document, found);
      const unknown = query.filter((name) => !names.has(name)).map((name) => `${name} is no parameter of ${template}`);
      const schema = `${found}/requestBody/content/application~1json/schema`;
      if (body === undefined) return unknown;
      if (at(schema) === undefined) return [...unknown, `${method} ${template} takes no body`];
      const check = validator(encodeURI(schema));
      return check(body) ? unknown : [...unknown, ...errorsOf(check)];
    },
    checkField(method, template, status, path, value) {
      const where = `${method} ${template} ${status}: ${path}`;
      const found = operations.get(`${method} ${normal(template)}`);
      const start = `${found}/responses/${status}`;
      if (found === undefined || at(start) === undefined) return [`${where}: no such answer is documented`];
      const content = `${resolve(document, start).pointer}/content/application~1json/schema`;
      let pointers = [content];
      for (const key of path.split("."))
        pointers = pointers.flatMap((pointer) => fieldPointers(document, pointer, key));
      if (pointers.length === 0) return [`${where}: there is no such field`];
      // What the translation leaves out need only be there in the description.
      if (value === undefined || (typeof value === "object" && value !== null)) return [];
      const fits = pointers.some((pointer) => validator(encodeURI(pointer))(value));
      return fits ? [] : [`${where}: cannot be ${JSON.stringify(value)}`];
    },
  };
}

/** Checks all that this client does from now on; `problems` fills up, and `seen` names the operations. */
export function watchKit(kit: Kit, description: GithubDescription, problems: Set<string>, seen: Set<string>): void {
  kit.hook.wrap("request", async (request, options) => {
    const { method } = options;
    const { url, body } = kit.request.endpoint(options);
    const { pathname, searchParams } = new URL(url);
    const template = /^https?:/.test(options.url) ? description.templateOf(method, pathname) : options.url;
    const key = `${method} ${template}`;
    seen.add(key);
    for (const problem of description.checkRequest(method, template ?? pathname, [...searchParams.keys()], body))
      problems.add(`${key}: ${problem}`);
    const response = await request(options);
    const told = (path: string, value: unknown): void => {
      for (const problem of description.checkField(method, template ?? pathname, response.status, path, value))
        problems.add(problem);
    };
    return { ...response, data: recording(response.data, "", told) };
  });
}

/** Tells of each field that is read, by its path; an entry of a list is `*`. */
function recording(value: unknown, path: string, told: (path: string, value: unknown) => void): unknown {
  if (typeof value !== "object" || value === null) return value;
  return new Proxy(value, {
    get(target, key, receiver) {
      const found: unknown = Reflect.get(target, key, receiver);
      if (typeof key === "symbol" || key === "then" || key === "toJSON") return found;
      if (Array.isArray(target) && !/^\d+$/.test(key)) return found;
      const name = [path, Array.isArray(target) ? "*" : key].filter((part) => part !== "").join(".");
      told(name, found);
      return recording(found, name, told);
    },
  });
}

function patternOf(template: string): RegExp {
  const source = template.replace(/[.*+?^$()|[\]\\]/g, "\\$&").replace(/\{[^}]+\}/g, "[^/]+");
  return new RegExp(`^${source}$`);
}

function normal(template: string): string {
  return template.replace(/\{[^}]+\}/g, "{}");
}

function operationsOf(document: Json): ReadonlyMap<string, string> {
  const operations = new Map<string, string>();
  for (const [path, item] of Object.entries(document["paths"] as Json)) {
    for (const method of Object.keys(item as Json).filter((name) => methods.test(name)))
      operations.set(`${method.toUpperCase()} ${normal(path)}`, `/paths/${escapePart(path)}/${method}`);
  }
  return operations;
}

function parametersOf(document: Json, operation: string): ReadonlySet<string> {
  const list = (resolve(document, `${operation}/parameters`).value ?? []) as readonly unknown[];
  return new Set(
    list.map((_, index) => String((resolve(document, `${operation}/parameters/${index}`).value as Json)["name"])),
  );
}

function escapePart(part: string): string {
  return part.replaceAll("~", "~0").replaceAll("/", "~1");
}

/** Follows a pointer and the references on its way. */
function resolve(document: Json, pointer: string): { readonly value: unknown; readonly pointer: string } {
  let value: unknown = document;
  let place = "";
  for (const part of pointer.split("/").slice(1)) {
    if (typeof value !== "object" || value === null) return { value: undefined, pointer };
    value = (value as Json)[part.replaceAll("~1", "/").replaceAll("~0", "~")];
    place = `${place}/${part}`;
    while (typeof value === "object" && value !== null && typeof (value as Json)["$ref"] === "string") {
      place = String((value as Json)["$ref"]).slice(1);
      value = resolve(document, place).value;
    }
  }
  return { value, pointer: place };
}

/** Where a schema describes a field (`*`: the entries of a list), in all of its alternatives. */
function fieldPointers(document: Json, pointer: string, key: string): readonly string[] {
  const { value, pointer: place } = resolve(document, pointer);
  if (typeof value !== "object" || value === null) return [];
  const schema = value as Json;
  const branches = ["allOf", "anyOf", "oneOf"].flatMap((word) =>
    ((schema[word] ?? []) as readonly unknown[]).flatMap((_, index) =>
      fieldPointers(document, `${place}/${word}/${index}`, key),
    ),
  );
  if (key === "*") return schema["items"] === undefined ? branches : [...branches, `${place}/items`];
  const own = (schema["properties"] as Json | undefined)?.[key];
  return own === undefined ? branches : [...branches, `${place}/properties/${escapePart(key)}`];
}

function errorsOf({ errors }: ValidateFunction): readonly string[] {
  return (errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

/** OpenAPI 3.0 has a word of its own for what JSON Schema writes as a type. */
function withoutNullable(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(withoutNullable);
  if (typeof node !== "object" || node === null) return node;
  const { nullable, ...rest } = node as Json;
  const entries = Object.entries(rest).filter(([key]) => key !== "example" && key !== "examples");
  const fixed: Json = Object.fromEntries(entries.map(([key, value]) => [key, withoutNullable(value)]));
  if (nullable !== true) return fixed;
  return { anyOf: [fixed, { type: "null" }] };
}
