import type { LocalProgram } from "#local/cluster.ts";
import { type Package, programFile } from "../programs.ts";

/** Which program of this machine stands for which image, by the repository part of the image's name. */
export function localImages(found: Package): ReadonlyMap<string, LocalProgram> {
  const node = (name: "bus" | "executor" | "gateway" | "feed"): readonly string[] => [
    process.execPath,
    programFile(found, name),
  ];
  return new Map<string, LocalProgram>([
    ["slipway/bus", { argv: node("bus") }],
    ["slipway/gateway", { argv: node("gateway") }],
    ["slipway/feed", { argv: node("feed") }],
    // Runs a strategist's code in its own process: it may read the package and its own volumes, nothing else.
    ["slipway/executor", { argv: node("executor"), sandbox: "node-permission", readable: [found.root] }],
    [
      "slipway/python",
      {
        argv: ["python3", "-m", "slipway"],
        env: { PYTHONPATH: found.python, PYTHONDONTWRITEBYTECODE: "1", PYTHONUNBUFFERED: "1" },
        readable: [found.python],
      },
    ],
  ]);
}
