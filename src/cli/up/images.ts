import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { LocalProgram } from "#local/cluster.ts";
import { type Package, programFile } from "../programs.ts";
import type { ChosenBroker } from "./broker.ts";

/** Which program of this machine stands for which image, by the repository part of the image's name. */
export function localImages(
  found: Package,
  bundles: string,
  searchPath: string | undefined,
  broker: Pick<ChosenBroker, "env"> = { env: {} },
): ReadonlyMap<string, LocalProgram> {
  const node = (name: "bus" | "executor" | "gateway" | "feed"): readonly string[] => [
    process.execPath,
    programFile(found, name, bundles),
  ];
  return new Map<string, LocalProgram>([
    ["slipway/bus", { argv: node("bus"), env: broker.env }],
    ["slipway/gateway", { argv: node("gateway") }],
    ["slipway/feed", { argv: node("feed") }],
    // Runs a strategist's code in its own process: it may read the package and its own volumes, nothing else.
    ["slipway/executor", { argv: node("executor"), sandbox: "node-permission", readable: [found.root, bundles] }],
    [
      "slipway/python",
      {
        argv: [findInPath("python3", searchPath), "-m", "slipway"],
        env: { PYTHONPATH: found.python, PYTHONDONTWRITEBYTECODE: "1", PYTHONUNBUFFERED: "1" },
        readable: [found.python],
      },
    ],
  ]);
}

/** The program's full path, because a pod gets no PATH; its bare name if it is nowhere, which the pod's status then says. */
function findInPath(program: string, searchPath: string | undefined): string {
  const folders = (searchPath ?? "").split(delimiter).filter((folder) => folder.startsWith("/"));
  const found = folders.map((folder) => join(folder, program)).find((path) => existsSync(path));
  return found ?? program;
}
