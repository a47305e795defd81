// Synth of N strategies against `helm template` and `kustomize build` of the same objects (where they are on PATH) and plain cdk8s.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { available, measure, pairs, type Sample, spread } from "./measure.ts";
import { sampleManifests, strategyName } from "./synth-input.ts";

const count = Number(process.argv[2] ?? "1000");
const runs = Number(process.argv[3] ?? "3");
const folder = mkdtempSync(join(tmpdir(), "slipway-bench-"));

function node(script: string, ...args: readonly string[]): Sample {
  return checked(measure([process.execPath, join(import.meta.dirname, script), ...args]));
}

function checked(sample: Sample): Sample {
  if (sample.status !== 0) throw new Error(`a benchmark command ended with exit code ${sample.status}`);
  return sample;
}

function report(peer: string, n: number, result: ReturnType<typeof pairs>): void {
  console.log(
    `${peer.padEnd(28)} N=${n}  slipway ${spread(result.a)} s   peer ${spread(result.b)} s   ratio ${spread(result.ratio)}`,
  );
}

function helmChart(): string {
  const chart = join(folder, "chart");
  mkdirSync(join(chart, "templates"), { recursive: true });
  writeFileSync(join(chart, "Chart.yaml"), "apiVersion: v2\nname: bench\nversion: 0.1.0\n");
  const names = Array.from({ length: count }, (_, index) => strategyName(index));
  writeFileSync(join(chart, "values.yaml"), JSON.stringify({ names }));
  const body = sampleManifests().replaceAll(strategyName(0), "{{ . }}");
  writeFileSync(join(chart, "templates", "all.yaml"), `{{- range .Values.names }}\n---\n${body}{{- end }}\n`);
  return chart;
}

function kustomization(n: number): string {
  const top = join(folder, "kustomize");
  mkdirSync(join(top, "base"), { recursive: true });
  writeFileSync(
    join(top, "base", "all.yaml"),
    sampleManifests()
      .replaceAll(`-${strategyName(0)}`, "-name")
      .replaceAll(`${strategyName(0)}-`, "name-"),
  );
  writeFileSync(join(top, "base", "kustomization.yaml"), "resources: [all.yaml]\n");
  for (let index = 0; index < n; index++) {
    mkdirSync(join(top, strategyName(index)), { recursive: true });
    writeFileSync(
      join(top, strategyName(index), "kustomization.yaml"),
      `namePrefix: ${strategyName(index)}-\nresources: [../base]\n`,
    );
  }
  writeFileSync(
    join(top, "kustomization.yaml"),
    `resources:\n${Array.from({ length: n }, (_, index) => `- ${strategyName(index)}`).join("\n")}\n`,
  );
  return top;
}

try {
  console.log(
    "synth: CPU seconds (user + system) of the whole process, median (min–max), pairs A B A B, same objects, one file out",
  );
  if (available("helm")) {
    const chart = helmChart();
    report(
      "helm template",
      count,
      pairs(
        runs,
        () => node("synth-slipway.ts", String(count), join(folder, "a.yaml")),
        () => checked(measure(["helm", "template", "bench", chart])),
      ),
    );
  } else console.log("helm is not on PATH: not compared");
  if (available("kustomize")) {
    const small = Math.min(count, 100);
    const top = kustomization(small);
    report(
      "kustomize build",
      small,
      pairs(
        runs,
        () => node("synth-slipway.ts", String(small), join(folder, "a.yaml")),
        () => checked(measure(["kustomize", "build", top])),
      ),
    );
  } else console.log("kustomize is not on PATH: not compared");
  const plain = pairs(
    1,
    () => node("synth-slipway.ts", String(count), join(folder, "a.yaml")),
    () => node("synth-plain.ts", String(count), join(folder, "plain")),
  );
  report("cdk8s App.synth, plain", count, plain);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
