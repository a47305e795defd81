// GitHub's rulesets, older protections and webhooks of one repository, kept in memory: no forge that we can run has any. Requests and answers are held to GitHub's description by who
// asks; which rules are about a branch is worked out here as GitHub's pages say.
import { createServer } from "node:http";

type Json = Readonly<Record<string, unknown>>;

export interface RulesetServer {
  readonly url: string;
  rulesets(): readonly Json[];
  change(name: string, how: (ruleset: Json) => Json): void;
  /** The older protection of a branch. */
  protect(branch: string, protection: Json): void;
  hook(hook: Json): void;
  /** From now on nobody is told who may bypass. */
  hideBypass(): void;
  clear(): void;
  stop(): Promise<void>;
}

export async function startRulesets(known: {
  readonly apps: Readonly<Record<string, number>>;
  readonly users: Readonly<Record<string, number>>;
}): Promise<RulesetServer> {
  let rulesets: Json[] = [];
  let protections = new Map<string, Json>();
  let hooks: Json[] = [];
  let hidden = false;
  let ids = 100;
  const answer = (method: string, path: string, body: Json): readonly [number, unknown] => {
    const [, kind = "", rest = ""] = /^\/(apps|users)\/(.+)$/.exec(path) ?? [];
    const account = kind === "apps" ? known.apps[rest] : known.users[rest];
    if (account !== undefined)
      return [200, kind === "apps" ? { id: account, slug: rest } : { id: account, login: rest }];
    const branch = /\/rules\/branches\/(.+)$/.exec(path)?.[1];
    if (branch !== undefined) return [200, rulesFor(rulesets, decodeURIComponent(branch))];
    const classic = /\/branches\/(.+)\/protection$/.exec(path)?.[1];
    if (classic !== undefined) {
      const protection = protections.get(decodeURIComponent(classic));
      return protection === undefined ? [404, { message: "Branch not protected" }] : [200, protection];
    }
    if (path.endsWith("/hooks")) return [200, hooks];
    const id = Number(/\/rulesets\/(\d+)$/.exec(path)?.[1]);
    const found = rulesets.find((each) => each["id"] === id);
    if (path.endsWith("/rulesets") && method === "GET")
      return [
        200,
        rulesets.map(({ rules: _rules, bypass_actors: _actors, conditions: _conditions, ...brief }) => brief),
      ];
    if (path.endsWith("/rulesets") && method === "POST") {
      ids += 1;
      rulesets.push({ ...body, id: ids, source_type: "Repository" });
      return [201, rulesets.at(-1)];
    }
    if (found !== undefined && method === "PUT") {
      rulesets = rulesets.map((each) => (each === found ? { ...each, ...body } : each));
      return [200, rulesets.find((each) => each["id"] === id)];
    }
    const { bypass_actors: _hidden, ...told } = found ?? {};
    return found === undefined ? [404, { message: "Not Found" }] : [200, hidden ? told : found];
  };
  const server = createServer(async (request, response) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString("utf8");
    const { pathname } = new URL(request.url ?? "/", "http://x");
    const [status, data] = answer(request.method ?? "GET", pathname, text === "" ? {} : (JSON.parse(text) as Json));
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(data));
  });
  const url = await new Promise<string>((resolve, reject) => {
    server.on("error", reject).listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(`http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`);
    });
  });
  return {
    url,
    rulesets: () => rulesets,
    change: (name, how) => {
      rulesets = rulesets.map((each) => (each["name"] === name ? how(each) : each));
    },
    protect: (branch, protection) => void protections.set(branch, protection),
    hook: (hook) => void hooks.push(hook),
    hideBypass: () => {
      hidden = true;
    },
    clear: () => {
      [rulesets, hidden, hooks, protections] = [[], false, [], new Map()];
    },
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** One star is anything but a slash. */
function rulesFor(rulesets: readonly Json[], branch: string): readonly Json[] {
  const about = ({ enforcement, conditions }: Json): boolean => {
    const { include } = (conditions as { readonly ref_name: { readonly include: readonly string[] } }).ref_name;
    const patterns = include.map((text) => new RegExp(`^${text.split("*").join("[^/]*")}$`));
    return enforcement === "active" && patterns.some((pattern) => pattern.test(`refs/heads/${branch}`));
  };
  return rulesets.filter(about).flatMap((ruleset) =>
    (ruleset["rules"] as readonly Json[]).map((rule) => ({
      ...rule,
      ...{ ruleset_id: ruleset["id"], ruleset_source_type: "Repository", ruleset_source: "acme/strategies" },
    })),
  );
}
