// The same objects the way cdk8s' documentation shows: one App, a Chart a strategy, `app.synth()`. node bench/synth-plain.ts <N> <folder>
import { ApiObject, App, Chart } from "cdk8s";
import { parseAllDocuments } from "yaml";
import { sampleManifests, strategyName } from "./synth-input.ts";

const [count = "1000", outdir = "dist"] = process.argv.slice(2);
const objects = parseAllDocuments(sampleManifests()).map(
  (document) => document.toJS() as { apiVersion: string; kind: string; metadata: object },
);
const app = new App({ outdir });
for (let index = 0; index < Number(count); index++) {
  const name = strategyName(index);
  const chart = new Chart(app, name, { disableResourceNameHashes: true });
  for (const object of objects) {
    const own = JSON.parse(JSON.stringify(object).replaceAll(strategyName(0), name));
    new ApiObject(chart, `${own.kind}-${own.metadata.name}`, own);
  }
}
app.synth();
