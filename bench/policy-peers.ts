// The programs that judge beside us: how each is found, what it is given, and how its answer is read.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { available } from "./measure.ts";
import { gatekeeper, kyverno, linterChecks, type RuleName, rego, rules } from "./policy-peer-rules.ts";

export interface Peer {
  readonly name: string;
  /** The environment variable that names its program, where it is not on PATH. */
  readonly variable: string;
  /** The rules that it knows. */
  readonly rules: readonly RuleName[];
  /** Writes its policies into a folder, and says how it judges a file of objects. */
  prepare(program: string, folder: string, objects: string): readonly string[];
  /** Each violation as the rule and the object that breaks it; one may be said twice. */
  read(stdout: string): readonly (readonly [rule: string, object: string])[];
}

/** The program, if it is there. */
export function programOf({ name, variable }: Peer, env: NodeJS.ProcessEnv = process.env): string | undefined {
  const named = env[variable];
  if (named !== undefined && named !== "") return named;
  return available(name) ? name : undefined;
}

/** How many objects break each rule. */
export function countBroken(peer: Peer, stdout: string): Readonly<Record<string, number>> {
  const broken = new Map<string, Set<string>>(peer.rules.map((rule) => [rule, new Set()]));
  for (const [rule, object] of peer.read(stdout)) broken.get(rule)?.add(object);
  return Object.fromEntries([...broken].map(([rule, objects]) => [rule, objects.size]));
}

interface Named {
  readonly metadata: { readonly name: string };
}

function writeAll(path: string, documents: readonly object[]): string {
  writeFileSync(path, documents.map((document) => `${JSON.stringify(document)}\n`).join("---\n"));
  return path;
}

export const peers: readonly Peer[] = [
  {
    name: "conftest",
    variable: "CONFTEST",
    rules,
    prepare(program, folder, objects) {
      const policy = join(folder, "policy.rego");
      writeFileSync(policy, rego);
      return [program, "test", "--policy", policy, "--output", "json", "--no-fail", objects];
    },
    read(stdout) {
      const documents = JSON.parse(stdout) as readonly { readonly failures?: readonly { readonly msg: string }[] }[];
      // It names no object; each breaks a rule once.
      return documents.flatMap(({ failures = [] }) => failures).map(({ msg }, index) => [msg, `${index}`]);
    },
  },
  {
    name: "gator",
    variable: "GATOR",
    rules,
    prepare(program, folder, objects) {
      const policies = writeAll(join(folder, "gatekeeper.yaml"), gatekeeper());
      return [program, "test", "--filename", policies, "--filename", objects, "--output", "json"];
    },
    read(stdout) {
      const results = JSON.parse(stdout) as readonly { readonly constraint: Named; readonly violatingObject: Named }[];
      return results.map(({ constraint, violatingObject }) => [
        constraint.metadata.name,
        violatingObject.metadata.name,
      ]);
    },
  },
  {
    name: "kyverno",
    variable: "KYVERNO",
    rules,
    prepare(program, folder, objects) {
      const policies = writeAll(join(folder, "kyverno.yaml"), kyverno());
      return [program, "apply", policies, "--resource", objects, "--policy-report", "--output-format", "json"];
    },
    read(stdout) {
      const report = JSON.parse(stdout.slice(stdout.indexOf("{"))) as {
        readonly results: readonly {
          readonly policy: string;
          readonly result: string;
          readonly resources: readonly { readonly name: string }[];
        }[];
      };
      return report.results
        .filter(({ result }) => result !== "pass")
        .flatMap(({ policy, resources }) => resources.map(({ name }) => [policy, name] as const));
    },
  },
  {
    name: "kube-linter",
    variable: "KUBE_LINTER",
    rules: linterChecks.map(([rule]) => rule),
    prepare(program, folder, objects) {
      const config = join(folder, "kube-linter.yaml");
      const customChecks = linterChecks.map(([name, check]) => ({ name, ...check }));
      writeFileSync(config, JSON.stringify({ checks: { doNotAutoAddDefaults: true }, customChecks }));
      // It skips files above 10 MB without a word.
      const parts = join(folder, "parts");
      rmSync(parts, { recursive: true, force: true });
      mkdirSync(parts);
      const documents = readFileSync(objects, "utf8").split(/^---\n/m);
      for (let from = 0; from < documents.length; from += 500)
        writeFileSync(join(parts, `${from}.yaml`), documents.slice(from, from + 500).join("---\n"));
      return [program, "lint", "--config", config, "--format", "json", parts];
    },
    read(stdout) {
      const { Reports } = JSON.parse(stdout) as {
        readonly Reports: readonly {
          readonly Check: string;
          readonly Object: { readonly K8sObject: { readonly Name: string } };
        }[];
      };
      return Reports.map(({ Check, Object: { K8sObject } }) => [Check, K8sObject.Name]);
    },
  },
];
