// What differs between an object as it was written and as the API server has it, less what is the server's own.
import type { JsonObject, JsonValue } from "#core/json.ts";
import { asObject } from "./client.ts";

export interface OwnedField {
  /** `*` is every kind. */
  readonly kind: string;
  readonly path: string;
  readonly reason: string;
}

/** Fields that no manifest can or should state. */
export const serverOwned: readonly OwnedField[] = [
  { kind: "*", path: "/metadata/uid", reason: "made for each object" },
  { kind: "*", path: "/metadata/resourceVersion", reason: "counts the store's writes" },
  { kind: "*", path: "/metadata/generation", reason: "counts the changes of the spec" },
  { kind: "*", path: "/metadata/creationTimestamp", reason: "the server's clock" },
  { kind: "*", path: "/metadata/managedFields", reason: "the record of who wrote what" },
  { kind: "*", path: "/status", reason: "what controllers observe" },
  { kind: "Namespace", path: "/metadata/labels/kubernetes.io~1metadata.name", reason: "Kubernetes' own prefix" },
  { kind: "Namespace", path: "/spec/finalizers", reason: "the namespace controller's, removed by it alone" },
  { kind: "Service", path: "/spec/clusterIP", reason: "allocated, but for `None`, which is written" },
  { kind: "Service", path: "/spec/clusterIPs", reason: "allocated, but for `None`, which is written" },
  { kind: "Service", path: "/spec/ipFamilies", reason: "the cluster's first family, IPv4 or IPv6" },
  { kind: "PersistentVolumeClaim", path: "/metadata/finalizers", reason: "its protection while a pod uses it" },
  {
    kind: "StatefulSet",
    path: "/spec/template/spec/serviceAccount",
    reason: "the deprecated other name of serviceAccountName, kept equal to it",
  },
];

/**
 * Compares an object with what the server made of it.
 *
 * @returns one line a difference, `Kind/path: what`; a field of the server's own is compared too where the manifest states it
 */
export function drift(written: JsonObject, stored: JsonObject, owned = serverOwned): readonly string[] {
  const kind = String(written["kind"]);
  const paths = new Set(owned.filter((field) => ["*", kind].includes(field.kind)).map(({ path }) => path));
  return differences(written, stored, "", paths).map((difference) => kind + difference);
}

function differences(
  written: JsonValue | undefined,
  stored: JsonValue | undefined,
  path: string,
  owned: ReadonlySet<string>,
): readonly string[] {
  if (written === undefined && owned.has(path)) return [];
  if (isList(written) && isList(stored)) {
    const indices = Array.from({ length: Math.max(written.length, stored.length) }, (_, index) => index);
    return indices.flatMap((index) => differences(written[index], stored[index], `${path}/${index}`, owned));
  }
  // Into an object that only the server has: some of it may be its own.
  if (isObject(stored) && (isObject(written) || hasOwnedBelow(path, owned))) {
    const ours = asObject(written);
    const keys = [...new Set([...Object.keys(ours), ...Object.keys(stored)])].sort();
    return keys.flatMap((key) => differences(ours[key], stored[key], `${path}/${pointerKey(key)}`, owned));
  }
  if (written === stored) return [];
  return [`${path}: written ${text(written)}, stored ${text(stored)}`];
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function hasOwnedBelow(path: string, owned: ReadonlySet<string>): boolean {
  return [...owned].some((field) => field.startsWith(`${path}/`));
}

/** A key in a JSON pointer [RFC 6901, 3]. */
function pointerKey(key: string): string {
  return key.replaceAll("~", "~0").replaceAll("/", "~1");
}

function text(value: JsonValue | undefined): string {
  return value === undefined ? "nothing" : JSON.stringify(value);
}
