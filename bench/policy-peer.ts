// Verdicts beside conftest: the same five rules over the same objects, verdicts compared first, then CPU seconds of whole processes in pairs.
// `node bench/policy-peer.ts [objects] [pairs]`. conftest comes from Go's module proxy: go install github.com/open-policy-agent/conftest@v0.64.0
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { emitYaml } from "#charts/emit.ts";
import { strategyObjects } from "#charts/render.ts";
import type { JsonObject } from "#core/json.ts";
import { available, measure, pairs, spread } from "./measure.ts";
import { rego, rules } from "./policy-peer-rules.ts";
import { readPaper, strategyInput } from "./synth-input.ts";

const count = Number(process.argv[2] ?? 500);
const runs = Number(process.argv[3] ?? 3);
if (!available("conftest")) {
  console.log("policy   conftest is not on PATH: no peer to compare with");
  process.exit(0);
}

/** Every second object lacks or breaks one thing. */
const breaks: readonly ((text: string) => string)[] = [
  (text) => text.replace("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false"),
  (text) => text.replace(/^ +automountServiceAccountToken: false\n/m, ""),
  (text) => text.replace(/@sha256:[0-9a-f]{64}/, ":latest"),
  (text) => text.replace("privileged: false", "privileged: true"),
  (text) => text.replace(/^ +drop:\n +- ALL\n/m, "          add:\n          - NET_ADMIN\n"),
];

const documents: string[] = [];
for (let index = 0; index < count; index++) {
  const objects: ReadonlyMap<string, JsonObject> = strategyObjects(strategyInput(index), readPaper());
  const statefulSet = [...objects].find(([path]) => path.includes("statefulset-"))?.[1];
  if (statefulSet === undefined) throw new Error("a strategy renders to no StatefulSet");
  const text = emitYaml(statefulSet);
  const change = index % 2 === 0 ? undefined : breaks[((index - 1) / 2) % breaks.length];
  documents.push(change === undefined ? text : change(text));
}

const directory = mkdtempSync(join(tmpdir(), "slipway-bench-"));
try {
  const file = join(directory, "objects.yaml");
  writeFileSync(file, documents.join("---\n"));
  writeFileSync(join(directory, "policy.rego"), rego);
  const ours = [process.execPath, join(import.meta.dirname, "policy-peer-slipway.ts"), file];
  const theirs = [
    "conftest",
    "test",
    "--policy",
    join(directory, "policy.rego"),
    "--output",
    "json",
    "--no-fail",
    file,
  ];
  const own = measure(ours).stdout.trim();
  const results = JSON.parse(measure(theirs).stdout) as readonly {
    readonly failures?: readonly { readonly msg: string }[];
  }[];
  const refused = Object.fromEntries(
    rules.map((rule) => [
      rule,
      results.flatMap(({ failures = [] }) => failures).filter(({ msg }) => msg === rule).length,
    ]),
  );
  if (own !== JSON.stringify(refused))
    throw new Error(`the verdicts differ: ours ${own}, conftest ${JSON.stringify(refused)}`);
  console.log(`policy   ${count} objects × ${rules.length} rules, the same ${count * rules.length} verdicts: ${own}`);
  const { a, b, ratio } = pairs(
    runs,
    () => measure(ours),
    () => measure(theirs),
  );
  const rate = (seconds: number): string => Math.round((count * rules.length) / seconds).toString();
  console.log(
    `policy   us ${spread(a)} s of CPU, conftest ${spread(b)}, ratio ${spread(ratio)}; verdicts per CPU second ${rate(Math.min(...a))} and ${rate(Math.min(...b))}`,
  );
} finally {
  rmSync(directory, { recursive: true, force: true });
}
