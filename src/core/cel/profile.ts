/**
 * The profile: what an expression may use. It is what this engine and the CEL of Kubernetes 1.34 both understand, with
 * the same meaning, so that a rule judged at the pull request means the same in the cluster.
 *
 * Allowed are CEL's operators, literals and macros (has, all, exists, exists_one, map, filter), its conversions, times
 * and durations, and the functions in `functions.ts`. The table below is what is refused: parts of CEL that only one
 * side understands, each with what to write instead.
 */

/** Of an expression's text, in UTF-16 units. */
export const lengthMax = 4096;
/** Nested calls, operators, groups and lists. Chains of `&&` and `||` count as one level. */
export const depthMax = 64;
/** Units that one evaluation may cost, counted as Kubernetes counts them (its limit for one expression). */
export const costMax = 1_000_000;

export interface Refusal {
  readonly message: string;
  readonly fix: string;
}

const useHas = "ask with has(a.b) first, then write a.b";
const oneVariable = "write it with one variable: list.all(x, …), or map.all(key, …) with map[key]";
const noSort = "keep lists in order in the spec, or ask with isSorted()";

/** Function names are written `name`, `name/arguments` or `namespace.name`. */
const table: readonly (readonly [keys: string, message: string, fix: string])[] = [
  ["optional-field", "optional fields (a.?b) are outside the profile", useHas],
  ["optional-index", "optional indexes (a[?k]) are outside the profile", "ask with k in a first, then write a[k]"],
  ["optional-entry optional-item", "optional entries ({?k: v}, [?v]) are outside the profile", useHas],
  [
    "function:optional.of function:optional.none function:optional.ofNonZeroValue function:optional.unwrap " +
      "function:or/1 function:optMap/2 function:optFlatMap/2 function:unwrapOpt/0",
    "optional values are outside the profile",
    useHas,
  ],
  ["quoted-field", "names in backticks are outside the profile", "write a['name-with-dashes']"],
  ["leading-dot", "a leading dot is outside the profile", "give the inner variable another name"],
  ["message name:google", "protobuf messages are outside the profile", "write a map: {'key': value}"],
  ["name:__result__ name:@result", "this name is reserved by CEL", "give the variable another name"],
  [
    "function:all/3 function:exists/3 function:existsOne/3 function:exists_one/3 function:transformList/3 " +
      "function:transformList/4 function:transformMap/3 function:transformMap/4 function:transformMapEntry/3 " +
      "function:transformMapEntry/4",
    "macros over two variables are outside the profile",
    oneVariable,
  ],
  ["function:existsOne/2", "existsOne is outside the profile", "write exists_one"],
  [
    "function:semver function:isSemver function:major/0 function:minor/0 function:patch/0",
    "semantic versions are outside the profile",
    "compare the version's text, or with matches()",
  ],
  [
    "name:authorizer function:path/1 function:group/1 function:serviceAccount/2 function:resource/1 " +
      "function:subresource/1 function:namespace/1 function:name/1 function:check/1 function:allowed/0 " +
      "function:reason/0 function:errored/0 function:error/0 function:fieldSelector/1 function:labelSelector/1",
    "the authorizer is outside the profile: there is none at the pull request",
    "grant access with access rules or RBAC",
  ],
  [
    "function:sort/0 function:sortBy/2 function:reverse/0 function:distinct/0 function:flatten/0 function:flatten/1 " +
      "function:slice/2 function:first/0 function:last/0 function:lists.range",
    "this function over lists is outside the profile",
    noSort,
  ],
  [
    "function:math.greatest function:math.least function:math.abs function:math.ceil function:math.floor " +
      "function:math.round function:math.trunc function:math.sign function:math.sqrt function:math.isNaN " +
      "function:math.isInf function:math.isFinite function:math.bitAnd function:math.bitOr function:math.bitXor " +
      "function:math.bitNot function:math.bitShiftLeft function:math.bitShiftRight",
    "Kubernetes has no math functions",
    "write a comparison with condition ? a : b, or [a, b].max()",
  ],
  ["function:base64.encode function:base64.decode", "Kubernetes has no base64 functions", "compare the encoded text"],
  [
    "function:cel.bind function:cel.block function:cel.index",
    "Kubernetes has no cel.bind",
    "write the value out, or [value].all(x, …)",
  ],
  [
    "function:proto.getExt function:proto.hasExt",
    "Kubernetes has no protobuf extensions",
    "read the field by its name",
  ],
  [
    "function:regex.extract function:regex.extractAll function:regex.replace",
    "Kubernetes has no regex namespace",
    "write text.find(pattern) or text.findAll(pattern)",
  ],
  ["function:jsonpatch.escapeKey", "JSON patches are outside the profile", "rules judge, they do not change"],
  ["function:net.isIP", "this function is outside the profile", "write isIP(text)"],
];

const refusals: ReadonlyMap<string, Refusal> = new Map(
  table.flatMap(([keys, message, fix]) => keys.split(" ").map((key) => [key, { message, fix }] as const)),
);

/** Why a construct is refused; undefined if the profile allows it or nobody knows it. */
export function refusal(key: string): Refusal | undefined {
  return refusals.get(key);
}
