import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import type { JsonObject } from "#core/json.ts";
import { repository } from "./inputs.ts";

const file = join(repository, "test/fixtures/kubernetes/v1.34.json");

/**
 * Checks an object against the API of Kubernetes 1.34 and of Argo CD 3.6, closed: an unknown field is an error.
 *
 * @returns what is wrong, one line each; empty if nothing is
 */
export function schemaChecker(): (object: JsonObject) => readonly string[] {
  const { kinds, $defs } = JSON.parse(readFileSync(file, "utf8")) as { kinds: Record<string, object>; $defs: object };
  const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true, strictRequired: false });
  addFormats.default(ajv);
  // A list that is a map by these keys must not name one twice; the API server refuses it, JSON Schema has no word for it.
  ajv.addKeyword({
    keyword: "x-kubernetes-list-map-keys",
    type: "array",
    validate: (keys: readonly string[], list: readonly JsonObject[]) => {
      const identities = list.map((item) => JSON.stringify(keys.map((key) => item[key])));
      return new Set(identities).size === identities.length;
    },
  });
  const validators = new Map(Object.entries(kinds).map(([kind, schema]) => [kind, ajv.compile({ ...schema, $defs })]));
  return (object) => {
    const kind = `${String(object["apiVersion"])} ${String(object["kind"])}`;
    const validate = validators.get(kind);
    if (validate === undefined) return [`${kind} is none of the kinds in ${file}`];
    if (validate(object)) return [];
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  };
}
