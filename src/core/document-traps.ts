/** A plain scalar that YAML readers do not agree on. */
export interface Trap {
  readonly code: "yaml-boolean-word" | "yaml-number-form" | "yaml-null-word" | "yaml-date";
  readonly message: string;
  /** The value in a form that every reader understands the same, where there is one. */
  readonly plain?: string;
  /** More digits than a number keeps: only text can hold them. */
  readonly imprecise?: true;
}

const numberForms: readonly (readonly [form: RegExp, name: string])[] = [
  [/^[-+]?0o[0-7_]+$/i, "octal"],
  [/^[-+]?0[0-9_]+$/, "a number with a leading zero, which is octal to some readers"],
  [/^[-+]?0x[0-9a-f_]+$/i, "hexadecimal"],
  [/^[-+]?0b[01_]+$/i, "binary"],
  [/^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/, "a number in base 60 to some readers"],
  [/^[-+]?(?=[0-9_.]*_)[0-9][0-9_]*(?:\.[0-9_]*)?$/, "a number with underscores, which is text to some readers"],
  [/^[-+]?\.(?:inf|nan)$/i, "not a finite number"],
  [/^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)e[-+]?[0-9]+$/i, "a number with an exponent, which is text to some readers"],
  [/^\+(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)$/, "a number with a plus sign"],
  [/^-?(?:\.[0-9]+|[0-9]+\.)$/, "a number with a bare point"],
];

/** @param source a plain (unquoted) scalar as it is written */
export function trapOf(source: string): Trap | undefined {
  if (/^(?:y|n|yes|no|on|off)$/i.test(source)) {
    const plain = /^(?:y|yes|on)$/i.test(source) ? "true" : "false";
    return {
      code: "yaml-boolean-word",
      message: `${source} is text to some YAML readers and ${plain} to others`,
      plain,
    };
  }
  if (/^(?:True|TRUE|False|FALSE)$/.test(source)) {
    const plain = source.toLowerCase();
    return { code: "yaml-boolean-word", message: `${source} is not how a spec writes ${plain}`, plain };
  }
  if (/^(?:~|Null|NULL)$/.test(source)) return { code: "yaml-null-word", message: `${source} means "nothing" to YAML` };
  if (/^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?$/.test(source)) {
    return { code: "yaml-date", message: `${source} is a date to some YAML readers and text to others` };
  }
  for (const [form, name] of numberForms) {
    if (form.test(source)) return { code: "yaml-number-form", message: `${source} is ${name}`, ...plainNumber(source) };
  }
  return imprecise(source);
}

function plainNumber(source: string): { readonly plain?: string } {
  // A leading zero is octal or decimal, and base 60 a sum: what was meant is the author's to say.
  if (/^[-+]?0[0-9_]|:|inf|nan/i.test(source)) return {};
  const value = Number(source.replaceAll("_", "").replace(/^\+/, "").replace(/\.$/, ""));
  const plain = String(value);
  return /^-?[0-9]+(?:\.[0-9]+)?$/.test(plain) ? { plain } : {};
}

/** A number that a double cannot hold as it is written. */
function imprecise(source: string): Trap | undefined {
  const parts = /^-?([0-9]+)(?:\.([0-9]+))?$/.exec(source);
  if (parts?.[1] === undefined) return undefined;
  const significant = `${parts[1]}${parts[2] ?? ""}`.replace(/^0+/, "").replace(/0+$/, "");
  if (significant.length <= 15 && parts[1].length <= 15) return undefined;
  const written = `${parts[1]}.${(parts[2] ?? "").replace(/0+$/, "")}`.replace(/\.$/, "");
  if (String(Math.abs(Number(source))) === written) return undefined;
  const message = `${source} has more digits than a number keeps (it would be read as ${Number(source)})`;
  return { code: "yaml-number-form", message, imprecise: true };
}
