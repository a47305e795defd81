// Expressions for the comparison with Kubernetes' own CEL: generated ones, mostly well typed.
import fc from "fast-check";
import type { JsonObject } from "#core/json.ts";

/** What every generated expression may speak of. No map that is iterated has two keys: Go's order is random. */
export const variables: JsonObject = {
  object: {
    metadata: { name: "sma-cross", labels: { team: "quant" }, generation: 3 },
    spec: {
      replicas: 1,
      ratio: 0.5,
      enabled: true,
      memory: "1.5Gi",
      cpu: "100m",
      nothing: null,
      big: 9007199254740991,
      empty: [],
      ports: [80, 443, 8080],
      names: ["a", "bb", "héllo😀", ""],
      mixed: [1, "a", 2.5, null, [1]],
      containers: [
        { name: "main", image: "slipway/executor@sha256:abc", ports: [1, 2] },
        { name: "side", image: "busybox:latest" },
      ],
      host: "10.0.0.7",
      network: "10.0.0.0/8",
      site: "https://example.com:8443/a b?k=v&k=w#f",
      when: "2026-01-31T12:00:00.5+02:00",
      wait: "1h30m",
    },
  },
  n: -7,
  s: "sma-cross",
};

type Kind = "bool" | "int" | "double" | "string" | "list" | "quantity" | "any";

/** A tie between generators of one type: `depth` bounds the text. */
function expression(kind: Kind, depth: number): fc.Arbitrary<string> {
  const leaf = fc.constantFrom(...leaves[kind]);
  if (depth <= 0) return leaf;
  const of = (inner: Kind) => fc.constant(null).chain(() => expression(inner, depth - 1));
  // Now and then something of another type, so that refusals are compared, too.
  const wrong = fc.constantFrom<Kind>("bool", "int", "double", "string", "list", "quantity", "any").chain(of);
  return fc.oneof(
    { weight: 3, arbitrary: leaf },
    { weight: 12, arbitrary: fc.constant(null).chain(() => compounds[kind](of)) },
    { weight: 1, arbitrary: wrong },
  );
}

const leaves: Readonly<Record<Kind, readonly string[]>> = {
  bool: [
    "true",
    "false",
    "object.spec.enabled",
    "has(object.spec.ratio)",
    "has(object.spec.none)",
    "has(object.metadata.labels.team)",
  ],
  int: [
    "0",
    "1",
    "-3",
    "42",
    "9223372036854775807",
    "n",
    "object.spec.replicas",
    "object.spec.big",
    "object.spec.ports[1]",
    "7u",
    "object.spec.none",
  ],
  double: ["0.0", "1.5", "-2.25", "1e300", "object.spec.ratio"],
  string: [
    "''",
    "'a'",
    "'héllo😀'",
    "s",
    "object.metadata.name",
    "object.spec.names[2]",
    "object.spec.memory",
    "r'a\\d+'",
    "'2026-01-31T12:00:00Z'",
    "object.spec['host']",
  ],
  list: [
    "[]",
    "[1, 2, 3]",
    "object.spec.ports",
    "object.spec.empty",
    "[n, object.spec.replicas]",
    "[3, 1, 2]",
    "object.spec.mixed",
  ],
  quantity: [
    "quantity('1Gi')",
    "quantity('100m')",
    "quantity(object.spec.memory)",
    "quantity(object.spec.cpu)",
    "quantity('-1.5')",
    "quantity('1e3')",
  ],
  any: [
    "null",
    "object",
    "object.spec",
    "object.spec.nothing",
    "object.spec.mixed[1]",
    "b'ab'",
    "{'a': 1}",
    "type(n)",
    "dyn(1)",
    "duration('90s')",
    "timestamp(object.spec.when)",
    "ip(object.spec.host)",
    "cidr(object.spec.network)",
    "url(object.spec.site)",
  ],
};

type Of = (kind: Kind) => fc.Arbitrary<string>;

function text(parts: readonly (string | fc.Arbitrary<string>)[]): fc.Arbitrary<string> {
  return fc
    .tuple(...parts.map((part) => (typeof part === "string" ? fc.constant(part) : part)))
    .map((found) => found.join(""));
}

const pattern = fc.constantFrom(
  "'^[a-z]+'",
  "'a*'",
  "'[0-9]+'",
  "'(?i)SMA'",
  "'(a|b)c?'",
  "r'\\w+-\\w+'",
  "'.'",
  "'é.'",
);
const comparison = fc.constantFrom(" == ", " != ", " < ", " <= ", " > ", " >= ");

const compounds: Readonly<Record<Kind, (of: Of) => fc.Arbitrary<string>>> = {
  bool: (of) =>
    fc.oneof(
      text(["(", of("bool"), " && ", of("bool"), ")"]),
      text(["(", of("bool"), " || ", of("bool"), ")"]),
      text(["!", of("bool")]),
      text(["(", of("bool"), " ? ", of("bool"), " : ", of("bool"), ")"]),
      text(["(", of("int"), comparison, of("int"), ")"]),
      text(["(", of("double"), comparison, of("double"), ")"]),
      text(["(", of("string"), comparison, of("string"), ")"]),
      text(["(", of("any"), " == ", of("any"), ")"]),
      text(["(dyn(", of("any"), ") == dyn(", of("any"), "))"]),
      text(["(", of("list"), " == ", of("list"), ")"]),
      text(["(", of("int"), " in ", of("list"), ")"]),
      text(["('team' in object.metadata.labels)"]),
      text([
        of("list"),
        fc.constantFrom(".all", ".exists", ".exists_one"),
        "(x, x ",
        fc.constantFrom("> ", "== ", "!= "),
        of("int"),
        ")",
      ]),
      text([
        "object.spec.containers.",
        fc.constantFrom("all", "exists", "exists_one"),
        "(c, ",
        fc.constantFrom("c.image.matches('@sha256:')", "has(c.ports)", "c.name == s", "c.ports.size() > 1"),
        ")",
      ]),
      text([of("string"), fc.constantFrom(".startsWith(", ".endsWith(", ".contains("), of("string"), ")"]),
      text([of("string"), ".matches(", pattern, ")"]),
      text(["matches(", of("string"), ", ", pattern, ")"]),
      text([of("list"), ".isSorted()"]),
      text(["sets.", fc.constantFrom("contains", "equivalent", "intersects"), "(", of("list"), ", ", of("list"), ")"]),
      text([of("quantity"), fc.constantFrom(".isLessThan(", ".isGreaterThan("), of("quantity"), ")"]),
      text(["(", of("quantity"), " == ", of("quantity"), ")"]),
      text([of("quantity"), ".isInteger()"]),
      text(["isQuantity(", of("string"), ")"]),
      text(["isIP(", of("string"), ")"]),
      text(["isURL(", of("string"), ")"]),
      text(["cidr(object.spec.network).containsIP(", of("string"), ")"]),
      text([
        "format.",
        fc.constantFrom("dns1123Label", "qualifiedName", "date", "uuid"),
        "().validate(",
        of("string"),
        ").hasValue()",
      ]),
      text(["(type(", of("any"), ") == ", fc.constantFrom("int", "string", "list", "map", "null_type", "double"), ")"]),
    ),
  int: (of) =>
    fc.oneof(
      text(["(", of("int"), fc.constantFrom(" + ", " - ", " * ", " / ", " % "), of("int"), ")"]),
      text(["-", of("int")]),
      text(["size(", fc.oneof(of("list"), of("string")), ")"]),
      text([of("string"), ".size()"]),
      text(["int(", fc.oneof(of("double"), of("string"), of("int")), ")"]),
      text([of("list"), "[", of("int"), "]"]),
      text([of("list"), fc.constantFrom(".sum()", ".min()", ".max()")]),
      text([of("list"), fc.constantFrom(".indexOf(", ".lastIndexOf("), of("int"), ")"]),
      text([of("string"), fc.constantFrom(".indexOf(", ".lastIndexOf("), of("string"), ")"]),
      text([of("quantity"), ".compareTo(", of("quantity"), ")"]),
      text([of("quantity"), ".asInteger()"]),
      text(["sign(", of("quantity"), ")"]),
      text(["(", of("bool"), " ? ", of("int"), " : ", of("int"), ")"]),
      text([
        "timestamp(object.spec.when).",
        fc.constantFrom("getHours()", "getDayOfWeek()", "getFullYear('+02:00')", "getDayOfYear()"),
      ]),
      text([
        "duration(object.spec.wait).",
        fc.constantFrom("getHours()", "getMinutes()", "getSeconds()", "getMilliseconds()"),
      ]),
    ),
  double: (of) =>
    fc.oneof(
      text(["(", of("double"), fc.constantFrom(" + ", " - ", " * ", " / "), of("double"), ")"]),
      text(["-", of("double")]),
      text(["double(", fc.oneof(of("int"), of("string"), of("double")), ")"]),
      text([of("quantity"), ".asApproximateFloat()"]),
      text(["[", of("double"), ", ", of("double"), "]", fc.constantFrom(".sum()", ".min()", ".max()")]),
    ),
  string: (of) =>
    fc.oneof(
      text(["(", of("string"), " + ", of("string"), ")"]),
      text(["string(", fc.oneof(of("int"), of("double"), of("bool"), of("string")), ")"]),
      text([
        of("string"),
        fc.constantFrom(".lowerAscii()", ".upperAscii()", ".trim()", ".charAt(1)", ".substring(1)", ".substring(0, 2)"),
      ]),
      text([of("string"), ".replace(", of("string"), ", ", of("string"), ")"]),
      text([of("string"), ".find(", pattern, ")"]),
      text([of("string"), ".split(", of("string"), ").join('|')"]),
      text(["[", of("string"), ", ", of("string"), "].join(", of("string"), ")"]),
      text(["object.spec.names.filter(x, x.size() > ", of("int"), ").join()"]),
      text(["'%s=%d'.format([", of("string"), ", ", of("int"), "])"]),
      text(["'%.2f %s'.format([", of("double"), ", ", of("any"), "])"]),
      text(["strings.quote(", of("string"), ")"]),
      text(["(", of("bool"), " ? ", of("string"), " : ", of("string"), ")"]),
      text([
        "url(object.spec.site).",
        fc.constantFrom("getHost()", "getPort()", "getScheme()", "getEscapedPath()", "getHostname()"),
      ]),
    ),
  list: (of) =>
    fc.oneof(
      text(["[", of("int"), ", ", of("int"), "]"]),
      text(["[", of("any"), "]"]),
      text(["(", of("list"), " + ", of("list"), ")"]),
      text([of("list"), ".map(x, x ", fc.constantFrom("+ ", "* ", "- "), of("int"), ")"]),
      text([of("list"), ".map(x, ", of("any"), ")"]),
      text([of("list"), ".filter(x, x ", fc.constantFrom("> ", "!= "), of("int"), ")"]),
      text([of("list"), ".map(x, x > ", of("int"), ", x)"]),
      text(["(", of("bool"), " ? ", of("list"), " : ", of("list"), ")"]),
      text([of("list"), ".map(x, ", of("list"), ".filter(y, y != x))"]),
      text([of("string"), ".split(", of("string"), ")"]),
      text([of("string"), ".findAll(", pattern, ")"]),
      text(["url(object.spec.site).getQuery()['k']"]),
    ),
  quantity: (of) =>
    fc.oneof(
      text([of("quantity"), fc.constantFrom(".add(", ".sub("), fc.oneof(of("quantity"), of("int")), ")"]),
      text(["quantity(", of("string"), ")"]),
    ),
  any: (of) =>
    fc.oneof(
      of("int"),
      of("string"),
      of("list"),
      of("bool"),
      of("double"),
      text(["{'k': ", of("any"), "}"]),
      text(["{'k': ", of("any"), "}.k"]),
      text(["dyn(", of("any"), ")"]),
    ),
};

/** As many expressions as asked for, the same for the same seed. */
export function generate(count: number, seed: number): readonly string[] {
  const kinds = fc.constantFrom<Kind>("bool", "bool", "bool", "string", "int", "list", "double", "any");
  return fc.sample(
    kinds.chain((kind) => expression(kind, 3)),
    { numRuns: count, seed },
  );
}
