import { basename, dirname, join } from "node:path";
import { mirrorConfigMaps } from "#bus/config-mirror.ts";
import { type Environment, type Log, readIdentity, requireVariables } from "#bus/process.ts";
import { boundsMap, shardNames, standingMap } from "#core/shards.ts";

const files = { bounds: "SLIPWAY_GATEWAY_BOUNDS_FILE", standing: "SLIPWAY_GATEWAY_STANDING_FILE" } as const;
const limitsVariable = "SLIPWAY_GATEWAY_LIMITS_DIR";

/**
 * In a cluster (`SLIPWAY_API_DIR`) what the gateway reads is mirrored from the API server, since a tightened limit must not wait for the kubelet;
 * elsewhere it stays what it is.
 *
 * @returns the variables with the places to read from
 * @throws Fault `environment-incomplete`
 */
export function mirrorPlatform(env: Environment, log: Log): { readonly env: Environment; close(): void } {
  if ((env["SLIPWAY_API_DIR"] ?? "") === "") return { env, close: () => undefined };
  const read = requireVariables(env, [
    ...(["SLIPWAY_API_DIR", "SLIPWAY_MIRROR_DIR", limitsVariable, files.bounds, files.standing] as const),
  ]);
  const mirror = mirrorConfigMaps({
    folder: read("SLIPWAY_MIRROR_DIR"),
    apiDir: read("SLIPWAY_API_DIR"),
    namespace: readIdentity(env).namespace,
    volumes: [
      { name: "limits", mounted: read(limitsVariable), configMaps: shardNames("gateway-limits") },
      { name: "bounds", mounted: dirname(read(files.bounds)), configMaps: [boundsMap] },
      { name: "standing", mounted: dirname(read(files.standing)), configMaps: [standingMap] },
    ],
    log,
    nowMs: () => performance.now(),
  });
  const inMirror = (name: keyof typeof files): string => join(mirror.folderOf(name), basename(read(files[name])));
  return {
    env: {
      ...env,
      [limitsVariable]: mirror.folderOf("limits"),
      [files.bounds]: inMirror("bounds"),
      [files.standing]: inMirror("standing"),
    },
    close: () => mirror.close(),
  };
}
