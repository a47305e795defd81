// The forge of the cluster's tests as people and the server's pod have it: its address, its authority, their tokens.
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Fetch, trustOf } from "#forge/remote/trust.ts";
import { makeAuthority, sign } from "../forge/authorities.ts";
import type { StandInStatus } from "../forge/stand-in-place.ts";
import type { Cluster } from "./cluster.ts";
import type { ForgeSettings } from "./forge-server.ts";

export interface TestForge {
  /** `10.250.0.2:8443`. */
  readonly address: string;
  /** The text of `forge.yaml`, and of the authority that it names. */
  readonly document: string;
  readonly authority: string;
  readonly tokens: { readonly ada: string; readonly slipway: string };
  readonly webhookSecret: string;
  /** A request by a person. */
  ask(method: string, path: string, body?: object): Promise<unknown>;
  statuses(commit: string, context: string): Promise<readonly StandInStatus[]>;
  /** What was proposed last. */
  newest(): Promise<Pull>;
  /** As its button does. @returns the merge commit */
  pressMerge(pull: Pull): Promise<string>;
}

interface Pull {
  readonly number: number;
  /** A commit. */
  readonly head: string;
}

const port = 8443;
const name = "acme/strategies";

/** In front of the bare repository that Argo CD reads. */
export async function startForge({ machine, gitFolder }: Cluster): Promise<TestForge> {
  const { node } = machine.addresses;
  const token = (): string => randomBytes(20).toString("hex");
  const tokens = { ada: token(), slipway: token() };
  machine.write("forge/README", "the forge's authority and certificate");
  const folder = machine.path("forge");
  const authority = makeAuthority(folder, "authority");
  const settings: ForgeSettings = {
    ...{ root: gitFolder, folder: "forge.git", name, host: node, port },
    logins: { [tokens.ada]: "ada", [tokens.slipway]: "slipway" },
    tls: sign(folder, authority, node),
  };
  const program = join(import.meta.dirname, "forge-server.ts");
  const argv = ["--disable-warning=ExperimentalWarning", program, machine.write("forge/settings.json", settings)];
  // Of a cluster that was kept.
  if (machine.pids.has("forge")) await machine.kill("forge");
  await machine.start("forge", process.execPath, argv);
  const pem = readFileSync(authority.certificate, "utf8");
  const url = `https://${node}:${port}`;
  const { fetch } = trustOf(authority.certificate, pem);
  const asked = (method: string, path: string, body?: object): Promise<unknown> =>
    ask(fetch, `${url}/api/v1/repos/${name}${path}`, tokens.ada, method, body);
  await machine.until("the forge answers", async () => (await asked("GET", "/pulls?state=open")) !== undefined);
  const lines = [
    "provider: gitea",
    `url: ${url}`,
    `repository: ${name}`,
    "writer: slipway",
    "certificateAuthority: ca.crt",
  ];
  return {
    ...{ address: `${node}:${port}`, authority: pem, tokens, webhookSecret: token(), ask: asked },
    document: `apiVersion: slipway.dev/v1\nkind: Forge\nspec:\n${lines.map((line) => `  ${line}\n`).join("")}`,
    async statuses(commit, context) {
      const all = (await asked("GET", `/statuses/${commit}`)) as readonly StandInStatus[];
      return all.filter((status) => status.context === context);
    },
    async newest() {
      const pulls = (await asked("GET", "/pulls?state=all")) as readonly { number: number; head: { sha: string } }[];
      const [pull] = pulls;
      return { number: pull?.number ?? 0, head: pull?.head.sha ?? "" };
    },
    async pressMerge({ number, head }) {
      const words = { MergeTitleField: `Merge #${number}`, MergeMessageField: `Proposal: ${number}` };
      await asked("POST", `/pulls/${number}/merge`, { head_commit_id: head, ...words });
      const pull = (await asked("GET", `/pulls/${number}`)) as { readonly merge_commit_sha: string };
      return pull.merge_commit_sha;
    },
  };
}

async function ask(fetch: Fetch, url: string, token: string, method: string, body?: object): Promise<unknown> {
  const response = await fetch(url, {
    method,
    headers: { authorization: `token ${token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${text}`);
  return text === "" ? undefined : JSON.parse(text);
}
