import { join } from "node:path";
import { readWorkspace, type SourceTree } from "#delivery/tree.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The instant at which everything is judged. */
export const atSeconds = Date.UTC(2026, 0, 5) / 1000;
export const policyFile = "policies/environments/paper.yaml";

/** CPU seconds (user and system) of this process. */
export async function cpuOf<Value>(work: () => Promise<Value>): Promise<readonly [number, Value]> {
  const before = process.cpuUsage();
  const value = await work();
  const { user, system } = process.cpuUsage(before);
  return [(user + system) / 1e6, value];
}

/** This repository's policies with totals wide enough, and `count` strategies of some teams with different order limits. */
export async function fleetOf(count: number, teams = 20): Promise<SourceTree> {
  const own = await readWorkspace(join(import.meta.dirname, ".."));
  const textOf = (path: string): string => decoder.decode(own.get(path)?.bytes);
  const files = new Map([...own].filter(([path]) => path.startsWith("policies/")));
  const set = (path: string, text: string): void =>
    void files.set(path, { mode: "100644", bytes: encoder.encode(text) });
  set(
    policyFile,
    textOf(policyFile).replace(
      /teamTotals:.*/,
      'teamTotals: { cpu: "100000", memory: 9000Gi, state: 9000Gi, strategies: 10000 }',
    ),
  );
  // Who may run where is not what is measured.
  files.delete("policies/teams.yaml");
  const spec = textOf("strategies/momentum/sma-cross/strategy.yaml");
  const code = textOf("strategies/momentum/sma-cross/algorithm.ts");
  for (let index = 0; index < count; index++) {
    const [team, name] = [`t${index % teams}`, `s${index}`];
    const order = 500 + ((index * 7) % 1500);
    set(
      `strategies/${team}/${name}/strategy.yaml`,
      spec.replace("name: sma-cross, team: momentum", `name: ${name}, team: ${team}`).replace('"2000"', `"${order}"`),
    );
    set(`strategies/${team}/${name}/algorithm.ts`, code);
  }
  return sorted(files);
}

/** The tree with one text of one file replaced. */
export function edited(tree: SourceTree, path: string, from: string, to: string): SourceTree {
  const text = decoder.decode(tree.get(path)?.bytes);
  if (!text.includes(from)) throw new Error(`${path} does not hold ${from}`);
  return sorted(new Map(tree).set(path, { mode: "100644", bytes: encoder.encode(text.replace(from, to)) }));
}

function sorted(files: SourceTree): SourceTree {
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
}
