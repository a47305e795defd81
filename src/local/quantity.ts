const factors: Readonly<Record<string, number>> = {
  "": 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** Parses a Kubernetes quantity, for example `128Mi`, `100m` or `0.5`; `undefined` when it is none. Bytes, cores or a count, as the field means. */
export function parseQuantity(text: string): number | undefined {
  const match = /^(\d{1,15}(?:\.\d{1,9})?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?$/.exec(text);
  if (match?.[1] === undefined) return undefined;
  const factor = factors[match[2] ?? ""];
  return factor === undefined ? undefined : Number(match[1]) * factor;
}

/** Bytes for people: `128 MiB`. */
export function formatBytes(bytes: number): string {
  return bytes >= 2 ** 20 ? `${Math.round(bytes / 2 ** 20)} MiB` : `${Math.round(bytes / 1024)} KiB`;
}
