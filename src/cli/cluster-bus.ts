import type { ClusterClient } from "#cluster/client.ts";
import type { Heard } from "#console/telemetry.ts";
import { err, type Result } from "#core/result.ts";

/**
 * What a cluster's bus said, as its console heard it.
 *
 * @returns or why it is not known, as a sentence
 */
export async function hearCluster(client: ClusterClient, environment: string): Promise<Result<Heard, string>> {
  const { askConsole } = await import("#cluster/observe.ts");
  const { parseTelemetry } = await import("#console/telemetry-text.ts");
  const answer = await askConsole(client, environment);
  if ("silent" in answer) return err(answer.silent);
  const heard = parseTelemetry(answer.said);
  return heard.ok ? heard : err(heard.error.message);
}
