import { channelsAllowed } from "./channels.ts";
import { formatMemory, parseMemory } from "./quantity.ts";

/** Why a text does not fit its format, and what to write instead. */
export interface FormatAdvice {
  /** What is allowed, after "allowed: ". */
  readonly allowed: string;
  readonly fix: string;
}

/**
 * @param definition the format's name in the schema's `$defs`
 * @param text what was found, in quotes or not
 * @param fits whether a text keeps to the format, so that no advice is given that would be refused again
 */
export function formatAdvice(
  definition: string,
  text: string,
  fits: (text: string) => boolean,
): FormatAdvice | undefined {
  const explain = formats.get(definition);
  if (explain === undefined) return undefined;
  const { allowed, candidates, example, note } = explain(text.trim());
  const mended = candidates.find(fits);
  if (mended === undefined) return { allowed, fix: note ?? `write for example ${example}` };
  return {
    allowed,
    fix: `write ${quotedFormats.has(definition) ? JSON.stringify(mended) : mended}${note === undefined ? "" : ` (${note})`}`,
  };
}

interface Explanation {
  readonly allowed: string;
  readonly example: string;
  readonly candidates: readonly string[];
  readonly note?: string | undefined;
}

const quotedFormats = new Set(["amount", "amountOrZero", "fraction", "orderRate"]);

const names = (text: string): Explanation => ({
  allowed: "1 to 40 lower-case letters, digits and single hyphens, starting with a letter",
  example: "sma-cross",
  candidates: [slug(text)],
});

const formats: ReadonlyMap<string, (text: string) => Explanation> = new Map([
  ["memory", memory],
  ["cpu", cpu],
  ["amount", (text) => amount(text, "an amount above zero")],
  ["amountOrZero", (text) => amount(text, "an amount, zero included,")],
  ["fraction", fraction],
  ["orderRate", orderRate],
  ["label", names],
  ["team", (text) => ({ ...names(text), ...teamNote(text) })],
  [
    "environmentName",
    (text) => ({
      allowed: "1 to 15 lower-case letters and digits, starting with a letter, no hyphen",
      example: "paper",
      candidates: [slug(text).replaceAll("-", "")],
    }),
  ],
  [
    "instrument",
    (text) => ({
      allowed: "letters, digits, dot, underscore and hyphen, at most 32",
      example: "AAPL",
      candidates: [text.replaceAll(/[/\s]+/g, "-")],
    }),
  ],
  [
    "venue",
    (text) => ({
      allowed: "lower-case letters, digits and hyphens, starting with a letter",
      example: "paper",
      candidates: [slug(text)],
    }),
  ],
  [
    "runtimeName",
    (text) => ({
      allowed: "lower-case letters, digits and hyphens, starting with a letter",
      example: "node",
      candidates: [slug(text)],
    }),
  ],
  [
    "person",
    (text) => ({
      allowed: "a name as the forge knows it: letters, digits, dots, hyphens",
      example: "alice",
      candidates: [text.replaceAll(/\s+/g, ".")],
    }),
  ],
  [
    "haltScope",
    (text) => ({
      allowed: "all, team/<team>, or <team>/<name>",
      example: "team/momentum",
      candidates: [text.toLowerCase(), `team/${slug(text)}`],
    }),
  ],
  [
    "paramName",
    (text) => ({
      allowed: "a letter, then letters, digits and underscores, at most 64",
      example: "fast",
      candidates: [text.replaceAll(/[^A-Za-z0-9]+/g, "_")],
    }),
  ],
  ["entry", entry],
  ["slotFile", (text) => ({ ...entry(text), example: "sizing.ts" })],
  ["channel", channel],
  [
    "image",
    (text) => ({
      allowed: "repository@sha256: and 64 hexadecimal digits",
      example: "slipway/executor@sha256:…",
      candidates: [],
      note:
        /:[\w.-]+$/.test(text) && !text.includes("@")
          ? "name the image by its digest; a tag can move"
          : "name the image by its digest",
    }),
  ],
  [
    "rpcAddress",
    (text) => ({
      allowed: "tcp://host:port, tcp+json://host:port, unix:///path or service:name",
      example: "tcp://host:4242",
      candidates: [text.toLowerCase(), `tcp://${text}`, `unix://${text}`],
    }),
  ],
  [
    "specPath",
    (text) => ({
      allowed: "a place in a strategy's document, with dots",
      example: "spec.limits.maxOrderNotional",
      candidates: [`spec.${text}`, text.replaceAll(/\[[^\]]*\]/g, "")],
    }),
  ],
  [
    "ruleName",
    () => ({
      allowed: "a verb (require, forbid, max, valid), a hyphen, and what it is about",
      example: "require-own-instruments",
      candidates: [],
    }),
  ],
  ["package", () => ({ allowed: "a package's name, without a version", example: "numpy", candidates: [] })],
]);

function memory(text: string): Explanation {
  const allowed = "a number and Ki, Mi, Gi or Ti (powers of 1024)";
  const parts = /^([0-9.]+)\s*([a-z]*)$/i.exec(text);
  const number = parts?.[1] ?? "";
  const unit = parts?.[2] ?? "";
  const power = ["k", "m", "g", "t"].indexOf(unit.charAt(0).toLowerCase()) + 1;
  const example = "128Mi";
  if (power > 0) {
    const suffix = `${"KMGT".charAt(power - 1)}i`;
    const note =
      unit.toLowerCase() === suffix.toLowerCase()
        ? undefined
        : `${suffix} is 1024${["", "²", "³", "⁴"][power - 1]} bytes`;
    return { allowed, example, candidates: [`${number}${suffix}`], note };
  }
  const bytes = parseMemory(number);
  const candidates = bytes.ok && bytes.value >= 1024 ? [formatMemory(bytes.value)] : [];
  const note =
    candidates.length === 0 && number !== "" && Number(number) > 0
      ? `say the unit: ${number}Mi or ${number}Gi`
      : undefined;
  return { allowed, example, candidates, note };
}

function cpu(text: string): Explanation {
  const number = /^([0-9.,]+)/.exec(text)?.[1]?.replace(",", ".") ?? "";
  const thousandths = /^[0-9.,]+\s*m/i.test(text);
  const percent = /%$/.test(text) ? `${Math.round(Number(number) * 10)}m` : "";
  const named = /^[0-9.,]+\s*(?:m|millicores?|mcpus?|v?cpus?|cores?)?$/i.test(text);
  const tenth =
    named && Number(number) > 0 ? `${Math.max(1, Math.round(Number(number) * (thousandths ? 1 : 1000)))}m` : "";
  return {
    allowed: 'thousandths of a core (100m) or cores ("1", "0.5")',
    example: "100m",
    candidates: [percent, thousandths ? `${number}m` : "", tenth],
  };
}

function amount(text: string, what: string): Explanation {
  const bare = text.replaceAll(/[$€£\s_]|(?<=[0-9]),(?=[0-9]{3}(?:\D|$))/g, "");
  const scaled = /^([0-9]+(?:\.[0-9]+)?)([km])$/i.exec(bare);
  const factor = scaled?.[2]?.toLowerCase() === "k" ? 1e3 : 1e6;
  const candidates = [
    bare,
    bare.replace(/[A-Za-z]+$/, ""),
    scaled === null ? "" : String(Number(scaled[1]) * factor),
    /e/i.test(bare) ? String(Number(bare)) : "",
    bare.replace(/^\+?0*(?=[0-9])/, "").replace(/\.$/, ""),
    `0${bare}`,
  ];
  // "2k" may become 2000 but never 2, and no sign may be dropped.
  const safe =
    scaled === null
      ? candidates.filter((candidate) => !/e/i.test(bare) || candidate !== candidates[1])
      : [candidates[2] ?? ""];
  return {
    allowed: `${what} with at most 15 digits before and 8 after the point`,
    example: '"2000"',
    candidates: safe,
    note: /\.[0-9]{9,}$/.test(bare) ? "round it to 8 digits after the point" : undefined,
  };
}

function fraction(text: string): Explanation {
  const percent = /^([0-9]+(?:\.[0-9]+)?)\s*%$/.exec(text)?.[1] ?? /^([0-9]+(?:\.[0-9]+)?)$/.exec(text)?.[1];
  const value = Number(percent);
  const asFraction =
    percent !== undefined && value > (text.endsWith("%") ? 0 : 1) && value <= 100
      ? trimZeros((value / 100).toFixed(8))
      : "";
  const note = asFraction === "" ? undefined : `that is ${percent} %`;
  return {
    allowed: "a fraction above 0 and at most 1 with at most 8 digits after the point",
    example: '"0.2"',
    candidates: [asFraction, `0${text}`],
    note,
  };
}

function trimZeros(text: string): string {
  return text.replace(/\.?0+$/, "");
}

function orderRate(text: string): Explanation {
  const parts = /^([0-9]+)\s*(?:(?:\/|per)\s*([0-9]*)\s*([a-z]*))?$/i.exec(text);
  const unitSeconds = new Map([
    ["", 1],
    ["s", 1],
    ["m", 60],
    ["h", 3600],
    ["d", 86_400],
  ]);
  const unit = (parts?.[3] ?? "").toLowerCase();
  const seconds = /^(?:|s|sec|seconds?|m|min|minutes?|h|hours?|d|days?)$/.test(unit)
    ? (unitSeconds.get(unit.charAt(0)) ?? 0)
    : 0;
  const candidate = parts === null || seconds === 0 ? "" : `${parts[1]}/${Number(parts[2] || "1") * seconds}s`;
  return {
    allowed: "orders/seconds, both at least 1, at most 999999 in 86400s",
    example: '"10/1s"',
    candidates: [candidate],
  };
}

function teamNote(text: string): { readonly note?: string } {
  const reserved = /^(kube|slipway|argocd|default|openshift)(?:-|$)/.exec(text.toLowerCase())?.[1];
  if (/^(all|team)$/i.test(text))
    return { note: `choose another name: "slipway halt ${text.toLowerCase()}" would mean others, too` };
  return reserved === undefined ? {} : { note: `choose another name: "${reserved}" is reserved for system namespaces` };
}

function entry(text: string): Explanation {
  const inside = text.replace(/^\.\//, "");
  const allowed = "a path inside the strategy's folder that ends in .ts or .py";
  const note = /(?:^|\/)\.\.(?:\/|$)|^\/|\\/.test(text) ? "put the file into the strategy's folder" : undefined;
  return {
    allowed,
    example: "algorithm.ts",
    candidates: note === undefined ? [inside, inside.replace(/\.[cm]?[jt]sx?$/, ".ts")] : [],
    note,
  };
}

function channel(text: string): Explanation {
  const note = text.includes("#")
    ? "name the channel: # is not allowed, + only for the venue or the symbol"
    : undefined;
  const candidates = /^quotes?$/i.test(text)
    ? ["quotes"]
    : [text.replace(/^\//, "").replace(/\/$/, ""), `${text}/quote`];
  return { allowed: channelsAllowed, example: "quotes", candidates: note === undefined ? candidates : [], note };
}

function slug(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replace(/^[-0-9]+/, "")
    .replace(/-+$/, "")
    .slice(0, 40);
}
