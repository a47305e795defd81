// A forge for the cluster's tests, over HTTPS. Run as `node forge-server.ts <file of its settings>`.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openRepository } from "#git/open.ts";
import { type StandInOptions, standIn } from "../forge/stand-in.ts";

export interface ForgeSettings extends Omit<StandInOptions, "repository"> {
  readonly host: string;
  readonly port: number;
}

if (import.meta.main) {
  const { host, port, ...settings }: ForgeSettings = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8"));
  const repository = await openRepository(join(settings.root, settings.folder));
  standIn({ ...settings, repository }).listen(port, host);
}
