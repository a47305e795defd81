// What a seccomp profile lets through, and whether another one lets it through, too [github.com/opencontainers/runtime-spec, config-linux].
import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface SeccompArgument {
  readonly index: number;
  readonly value: number;
  /** With a mask: what must be left under the mask `value`. */
  readonly valueTwo?: number;
  readonly op: string;
}

export interface SeccompProfile {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly architectures: readonly string[];
  readonly syscalls: readonly {
    readonly names: readonly string[];
    readonly action: string;
    readonly errnoRet?: number;
    readonly args?: readonly SeccompArgument[] | null;
  }[];
}

export const profileNames = ["node", "python"] as const;

export function readProfile(name: (typeof profileNames)[number]): SeccompProfile {
  return JSON.parse(readFileSync(join(import.meta.dirname, "../../images/seccomp", `${name}.json`), "utf8"));
}

/** @returns the calls that the first lets through with arguments with which the second does not */
export function beyond(profile: SeccompProfile, ceiling: SeccompProfile): readonly string[] {
  const found: string[] = [];
  for (const { name, args } of allowed(profile)) {
    const covered = allowed(ceiling).some(
      (rule) => rule.name === name && rule.args.every((wanted) => args.some((own) => implies(own, wanted))),
    );
    if (!covered) found.push(`${name} ${JSON.stringify(args)}`);
  }
  return found;
}

/** Whether the profile lets the call through with some arguments. */
export function lets(profile: SeccompProfile, call: string): boolean {
  return allowed(profile).some(({ name }) => name === call);
}

function allowed({ syscalls }: SeccompProfile) {
  return syscalls
    .filter(({ action }) => action === "SCMP_ACT_ALLOW")
    .flatMap(({ names, args }) => names.map((name) => ({ name, args: args ?? [] })));
}

/** Whether every value that passes the first passes the second. Numbers of more than 31 bits, so no `&` of numbers. */
function implies(one: SeccompArgument, other: SeccompArgument): boolean {
  if (one.index !== other.index) return false;
  const [first, second] = [masked(one), masked(other)];
  if (first === undefined || second === undefined) return false;
  const isWithin = (first.mask & second.mask) === second.mask;
  return isWithin && (first.value & second.mask) === second.value;
}

const everyBit = 2n ** 64n - 1n;

function masked({ op, value, valueTwo = 0 }: SeccompArgument): { mask: bigint; value: bigint } | undefined {
  if (op === "SCMP_CMP_EQ") return { mask: everyBit, value: BigInt(value) };
  return op === "SCMP_CMP_MASKED_EQ" ? { mask: BigInt(value), value: BigInt(valueTwo) } : undefined;
}
