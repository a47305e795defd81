// Verdicts beside conftest, gator, Kyverno and kube-linter, whichever are there: the same rules over the same objects, verdicts compared first, then CPU
// seconds of whole processes in pairs. `node bench/policy-peer.ts [objects] [pairs]`. README.md says where the peers come from. The objects come twice: as
// YAML, where half of what is measured is parsers, and as JSON.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { emitYaml } from "#charts/emit.ts";
import { strategyObjects } from "#charts/render.ts";
import { measure, median, pairs, spread } from "./measure.ts";
import { countBroken, type Peer, peers, programOf } from "./policy-peers.ts";
import { readPaper, strategyInput } from "./synth-input.ts";

const count = Number(process.argv[2] ?? 500);
const runs = Number(process.argv[3] ?? 3);

/** Every second object lacks or breaks one thing. */
const breaks: readonly ((text: string) => string)[] = [
  (text) => text.replace("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false"),
  (text) => text.replace(/^ +automountServiceAccountToken: false\n/m, ""),
  (text) => text.replace(/@sha256:[0-9a-f]{64}/, ":latest"),
  (text) => text.replace("privileged: false", "privileged: true"),
  (text) => text.replace(/^( +)drop:\n +- ALL\n/m, "$1add:\n$1- NET_ADMIN\n"),
];

const documents: string[] = [];
for (let index = 0; index < count; index++) {
  const objects = strategyObjects(strategyInput(index), readPaper());
  const statefulSet = [...objects].find(([path]) => path.includes("statefulset-"))?.[1];
  if (statefulSet === undefined) throw new Error("a strategy renders to no StatefulSet");
  const text = emitYaml(statefulSet);
  const change = index % 2 === 0 ? undefined : breaks[((index - 1) / 2) % breaks.length];
  const changed = change === undefined ? text : change(text);
  if (change !== undefined && changed === text) throw new Error("an object was not broken");
  documents.push(changed);
}

const directory = mkdtempSync(join(tmpdir(), "slipway-bench-"));
try {
  const inputs = {
    YAML: documents.join("---\n"),
    // A stream of YAML all the same, to whom it matters.
    JSON: documents.map((text) => JSON.stringify(parse(text))).join("\n---\n"),
  };
  for (const peer of peers) {
    const program = programOf(peer);
    if (program === undefined) {
      console.log(`policy   ${peer.name} is neither on PATH nor in ${peer.variable}: left out`);
      continue;
    }
    for (const [format, text] of Object.entries(inputs)) {
      const file = join(directory, `${format}.yaml`);
      writeFileSync(file, text);
      compare(peer, program, file, format);
    }
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}

function compare(peer: Peer, program: string, file: string, format: string): void {
  const ours = [process.execPath, join(import.meta.dirname, "policy-peer-slipway.ts"), file, ...peer.rules];
  const theirs = peer.prepare(program, directory, file);
  const own = measure(ours).stdout.trim();
  const refused = JSON.stringify(countBroken(peer, measure(theirs).stdout));
  if (own !== refused) throw new Error(`the verdicts differ: ours ${own}, ${peer.name} ${refused}`);
  const verdicts = count * peer.rules.length;
  const { a, b, ratio } = pairs(
    runs,
    () => measure(ours),
    () => measure(theirs),
  );
  const rate = (seconds: readonly number[]): string => Math.round(verdicts / median(seconds)).toString();
  console.log(
    `policy   ${count} objects as ${format} × ${peer.rules.length} rules, the same ${verdicts} verdicts as ${peer.name}: us ${spread(a)} s of CPU, ${peer.name} ${spread(b)}, ratio ${spread(ratio)}; verdicts per CPU second ${rate(a)} and ${rate(b)}`,
  );
}
