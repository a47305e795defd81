import { type BranchRules, type BranchRulesApi, mainBranch, ownBranches, requiredStatuses } from "../branch-rules.ts";
import { type Fields, fields, string } from "../fields.ts";
import { readList } from "../remote/read.ts";
import type { Client } from "./client.ts";
import { readPages } from "./pages.ts";

export interface ProtectionsOptions {
  readonly client: Client;
  readonly owner: string;
  readonly name: string;
  /** The login that alone pushes to what is Slipway's. */
  readonly writer: string;
}

/** Of what a webhook tells the server, as Gitea's lists name it. */
const events = [
  ...["push", "pull_request", "pull_request_sync", "pull_request_comment", "pull_request_review"],
  ...["issue_comment", "status"],
];

/** Gitea's protected branches. One rule holds on a branch: the first that matches, in the order of the list. */
export function giteaProtections({ client, owner, name, writer }: ProtectionsOptions): BranchRulesApi {
  const repository = `/repos/${encodeURIComponent(owner)}/${encodeURIComponent(name)}`;
  const path = `${repository}/branch_protections`;
  // Whoever may not see them is told that they are not there.
  const list = async (): Promise<readonly Fields[]> => readList(path, (await client.call("GET", path)).data);
  return {
    async read(branch) {
      const rule = (await list()).find((each) => mayMatch(string(each, "rule_name"), branch));
      return rule === undefined ? unprotected : rulesOf(rule);
    },
    async write() {
      const known = new Set((await list()).map((rule) => string(rule, "rule_name")));
      for (const branches of [mainBranch, ...ownBranches]) {
        const body = wanted(branches, writer);
        if (known.has(branches)) {
          const one = branches.split("/").map(encodeURIComponent).join("/");
          await client.call("PATCH", `${path}/${one}`, { body });
        } else await client.call("POST", path, { body: { rule_name: branches, ...body } });
      }
    },
    async webhooks() {
      const hooks = await readPages({ client, webUrl: "", owner, name }, `${repository}/hooks`, {});
      return hooks.map((hook) => ({
        url: string(fields(hook["config"], "config"), "url"),
        active: hook["active"] === true,
        missing: events.filter((event) => !texts(hook["events"]).includes(event)),
      }));
    },
  };
}

function wanted(branches: string, writer: string): object {
  const push = { enable_push: true, enable_push_whitelist: true, push_whitelist_usernames: [writer] };
  const firm = { enable_force_push: false, block_admin_merge_override: true };
  if (branches === mainBranch)
    return { ...push, ...firm, enable_status_check: true, status_check_contexts: [...requiredStatuses] };
  return { ...push, ...firm, enable_merge_whitelist: true, merge_whitelist_usernames: [writer] };
}

const unprotected: BranchRules = {
  ...{ pushers: undefined, mergers: undefined, overriders: ["administrators"], statuses: [], sourceless: true },
  ...{ rewritten: true, deleted: true, created: true },
};

function rulesOf(rule: Fields): BranchRules {
  const isOn = (key: string): boolean => rule[key] === true;
  const named = (kind: string): readonly string[] => [
    ...texts(rule[`${kind}_usernames`]),
    ...texts(rule[`${kind}_teams`]).map((team) => `team ${team}`),
    ...(isOn(`${kind}_deploy_keys`) ? ["deploy keys"] : []),
  ];
  const pushers = isOn("enable_push_whitelist") ? named("push_whitelist") : undefined;
  return {
    pushers: isOn("enable_push") ? pushers : [],
    mergers: isOn("enable_merge_whitelist") ? named("merge_whitelist") : undefined,
    overriders: isOn("block_admin_merge_override") ? [] : ["administrators"],
    rewritten: isOn("enable_force_push"),
    deleted: false,
    // Who may not push may not push the first commit either.
    created: false,
    statuses: isOn("enable_status_check")
      ? texts(rule["status_check_contexts"]).map((context) => ({ context, source: undefined }))
      : [],
    sourceless: true,
  };
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}

/** Whether a rule may be about a branch. One whose pattern holds more than stars is taken for one that may. */
function mayMatch(rule: string, branch: string): boolean {
  if (/[?[\]{}\\!]/.test(rule)) return true;
  const source = rule
    .split("**")
    .map((part) => part.split("*").map(quoted).join("[^/]*"))
    .join(".*");
  return new RegExp(`^${source}$`, "iu").test(branch);
}

function quoted(text: string): string {
  return text.replace(/[.+^$()|/-]/g, "\\$&");
}
