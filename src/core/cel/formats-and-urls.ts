import { LiteralMap } from "./json.ts";
import { namedFormats } from "./named-formats.ts";
import { fun, method, type Overload, type Price, traversal } from "./overloads.ts";
import { hostnameOf, isUrl, parseUrl, portOf, queryOf } from "./url.ts";
import { type CelValue, Failure, lengthInCharacters, Optional } from "./values.ts";

const urlComplaint = (text: string) =>
  parseUrl(text) === undefined ? `${JSON.stringify(text)} is no absolute URL` : undefined;

const free: Price = { before: () => 0 };
const validating: Price = {
  before: (format, text) => {
    const size = typeof text === "string" ? lengthInCharacters(text) : 0;
    return Math.ceil((1 + size) * 0.1) * Math.ceil(patternSizeOf(format) * 0.25);
  },
};

function patternSizeOf(value: CelValue): number {
  return typeof value === "object" && value !== null && "patternSize" in value ? value.patternSize : 0;
}

/** Kubernetes' named formats and URLs. `format.dns1123Label().validate(text).hasValue()` says that a text is none. */
export const formatsAndUrls: readonly Overload[] = [
  ...[...namedFormats].map(([name, format]) => fun(`format.${name}`, [], "format", () => format)),
  fun("format.named", ["string"], "optional(format)", (name) => new Optional(namedFormats.get(name))),
  method(
    "validate",
    ["format", "string"],
    "optional(list(string))",
    (format, text) => {
      const complaints = format.complaints(text);
      return new Optional(complaints.length === 0 ? undefined : complaints);
    },
    { price: validating },
  ),
  method("hasValue", ["optional(A)"], "bool", ({ value }) => value !== undefined),
  method("value", ["optional(A)"], "A", ({ value }) => value ?? new Failure("optional.none() dereference")),
  method("orValue", ["optional(A)", "A"], "A", ({ value }, otherwise) => value ?? otherwise, {
    price: free,
  }),

  fun("url", ["string"], "url", (text) => parseUrl(text) ?? new Failure("not an absolute URL"), {
    price: traversal,
    complaint: urlComplaint,
  }),
  fun("isURL", ["string"], "bool", isUrl),
  method("getScheme", ["url"], "string", ({ scheme }) => scheme),
  method("getHost", ["url"], "string", ({ host }) => host),
  method("getHostname", ["url"], "string", hostnameOf),
  method("getPort", ["url"], "string", portOf),
  method("getEscapedPath", ["url"], "string", ({ escapedPath }) => escapedPath),
  method("getQuery", ["url"], "map(string,list(string))", (url) => {
    const entries = [...queryOf(url)].map(([key, values]) => [key, [key, values]] as const);
    return new LiteralMap(new Map(entries));
  }),
];
