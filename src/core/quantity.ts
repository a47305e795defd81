import { assert, type Brand, err, ok, type Result } from "./result.ts";

/** CPU time as Kubernetes counts it: thousandths of a core. */
export type CpuMillicores = Brand<number, "CpuMillicores">;
export type MemoryBytes = Brand<number, "MemoryBytes">;

export interface QuantityMalformed {
  readonly code: "quantity-malformed";
  readonly text: string;
}

const binary: readonly (readonly [suffix: string, bytes: bigint])[] = [
  ["Ti", 1024n ** 4n],
  ["Gi", 1024n ** 3n],
  ["Mi", 1024n ** 2n],
  ["Ki", 1024n],
];
const units: ReadonlyMap<string, bigint> = new Map([
  ...binary,
  ["", 1n],
  ["k", 1000n],
  ["M", 1000n ** 2n],
  ["G", 1000n ** 3n],
  ["T", 1000n ** 4n],
]);

/** Parses `100m`, `1` or `0.5`: at most thousandths of a core, as Kubernetes allows. */
export function parseCpu(text: string): Result<CpuMillicores, QuantityMalformed> {
  const milli = /^(0|[1-9][0-9]{0,8})m$/.exec(text)?.[1];
  if (milli !== undefined) return ok(Number(milli) as CpuMillicores);
  const cores = /^(0|[1-9][0-9]{0,5})(?:\.([0-9]{1,3}))?$/.exec(text);
  if (cores?.[1] === undefined) return err({ code: "quantity-malformed", text });
  return ok(Number(cores[1] + (cores[2] ?? "").padEnd(3, "0")) as CpuMillicores);
}

/** Kubernetes' own form: whole cores without a suffix, else millicores. */
export function formatCpu(value: CpuMillicores): string {
  return value % 1000 === 0 ? String(value / 1000) : `${value}m`;
}

/**
 * Parses every quantity of bytes that Kubernetes takes but exponents and thousandths: `128Mi`, `1.5Gi`, `64000`, `64M`.
 * A fraction of a byte is rounded up, as Kubernetes does.
 */
export function parseMemory(text: string): Result<MemoryBytes, QuantityMalformed> {
  const parts = /^(?<whole>0|[1-9][0-9]{0,15})(?:\.(?<fraction>[0-9]{1,3}))?(?<unit>[KMGT]i|[kMGT]|)$/.exec(
    text,
  )?.groups;
  const unit = units.get(parts?.["unit"] ?? "none");
  if (parts?.["whole"] === undefined || unit === undefined) return err({ code: "quantity-malformed", text });
  const thousandths = BigInt(parts["whole"] + (parts["fraction"] ?? "").padEnd(3, "0")) * unit;
  const bytes = (thousandths + 999n) / 1000n;
  if (bytes > BigInt(Number.MAX_SAFE_INTEGER)) return err({ code: "quantity-malformed", text });
  return ok(Number(bytes) as MemoryBytes);
}

/** The largest power of 1024 that divides the value without rest: `1536Mi`, `1Gi`; bytes if none does. */
export function formatMemory(value: MemoryBytes): string {
  if (value === 0) return "0";
  const bytes = BigInt(value);
  for (const [suffix, size] of binary) {
    if (bytes % size === 0n) return `${bytes / size}${suffix}`;
  }
  return String(value);
}

/** The millicores of a text that a schema has already let through. Anything else is a bug. */
export function cpuOf(text: string): CpuMillicores {
  const parsed = parseCpu(text);
  assert(parsed.ok, `not a CPU quantity: ${JSON.stringify(text)}`);
  return parsed.value;
}

/** The bytes of a text that a schema has already let through. Anything else is a bug. */
export function memoryOf(text: string): MemoryBytes {
  const parsed = parseMemory(text);
  assert(parsed.ok, `not a memory quantity: ${JSON.stringify(text)}`);
  return parsed.value;
}
