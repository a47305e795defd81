// A GitHub that knows one App, in front of the translation: the App proves itself by a signed token (RS256, at most ten minutes), gets an installation's
// token for an hour and asks with that, the interface and Git both. Whoever comes with another token is passed on as they are.
import { createPublicKey, generateKeyPairSync, randomBytes, verify } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

export interface GithubApp {
  /** The interface, the pages and Git are all there. */
  readonly url: string;
  readonly appId: string;
  readonly installationId: number;
  /** As GitHub gives it for download: PKCS #1. */
  readonly privateKey: string;
  /** How many tokens it has given out. */
  tokens(): number;
  /** The deployments, with the states that they had, oldest first. */
  deployments(): readonly {
    readonly environment: unknown;
    readonly sha: unknown;
    readonly states: readonly unknown[];
  }[];
  /** The check runs that it wrote, oldest first: no forge that we can run has any. */
  checks(): readonly Json[];
  stop(): Promise<void>;
}

export interface GithubAppOptions {
  readonly facade: string;
  readonly gitea: string;
  /** The token and the login of the account that the App is on the Gitea behind. */
  readonly account: { readonly token: string; readonly login: string };
  /** Where rulesets are asked for; default: nowhere. */
  readonly rulesets?: string;
  /** What the App is called here, `<name>[bot]`. */
  readonly bot: string;
}

type Json = Readonly<Record<string, unknown>>;
type Answer = readonly [status: number, body: object];

const lifeSeconds = 3_600;
const jwtSecondsMax = 600;

export async function startGithubApp({ facade, gitea, rulesets, account, bot }: GithubAppOptions): Promise<GithubApp> {
  const [appId, installationId] = ["1234567", 89_012_345];
  const { privateKey, publicKey } = generateKeyPairSync("rsa", {
    modulusLength: 2_048,
    privateKeyEncoding: { type: "pkcs1", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  const given = new Map<string, number>();
  const [runs, deployed]: [Json[], Json[]] = [[], []];
  let count = 0;
  const isGiven = (token: string): boolean => (given.get(token) ?? 0) > Date.now();
  const give = (jwt: string, installation: string): Answer => {
    const refused = refuseJwt(jwt, appId, publicKey);
    if (refused !== undefined) return [401, { message: refused }];
    if (installation !== `${installationId}`) return [404, { message: "Not Found" }];
    // The longer form that GitHub gives since 2026.
    const token = `ghs_${appId}_${randomBytes(300).toString("base64url")}`;
    given.set(token, Date.now() + lifeSeconds * 1_000);
    count += 1;
    const expires = new Date(Date.now() + lifeSeconds * 1_000).toISOString().replace(/\.\d+Z$/, "Z");
    const permissions = { contents: "write", pull_requests: "write", statuses: "write", metadata: "read" };
    return [201, { token, expires_at: expires, permissions, repository_selection: "selected" }];
  };
  const server = createServer(async (request, response) => {
    const [scheme = "", secret = ""] = (request.headers.authorization ?? "").split(" ");
    const installation = /^\/app\/installations\/(\d+)\/access_tokens$/.exec(request.url ?? "")?.[1];
    if (installation !== undefined && request.method === "POST")
      return answer(response, ...(scheme.toLowerCase() === "bearer" ? give(secret, installation) : unknown));
    if (/^\/[^/]+\/[^/]+\.git\//.test(request.url ?? "")) {
      const [user, token = ""] = Buffer.from(secret, "base64").toString("utf8").split(":");
      if (user === "x-access-token" && token.startsWith("ghs_") && !isGiven(token)) return answer(response, ...unknown);
      const swapped = Buffer.from(`slipway:${isGiven(token) ? account.token : token}`).toString("base64");
      return pass(request, response, gitea, scheme === "" ? undefined : `Basic ${swapped}`, (text) => text);
    }
    const mine = isGiven(secret);
    if (secret.startsWith("ghs_") && !mine) return answer(response, ...unknown);
    // An installation is no user.
    if (mine && request.url === "/user")
      return answer(response, 403, { message: "Resource not accessible by integration" });
    if (mine && /\/check-runs(?:\?|$)/.test(request.url ?? ""))
      return answer(response, ...(await checkRuns(runs, request)));
    if (mine && /\/deployments(?:[/?]|$)/.test(request.url ?? ""))
      return answer(response, ...(await deployments(deployed, request)));
    if (mine && rulesets !== undefined && /^\/apps\/|\/rule(?:s|sets)(?:[/?]|$)/.test(request.url ?? ""))
      return pass(request, response, rulesets, undefined, (text) => text);
    const authorization = mine ? `token ${account.token}` : request.headers.authorization;
    return pass(request, response, facade, authorization, (text) =>
      text.replaceAll(`"login":"${account.login}"`, `"login":"${bot}"`),
    );
  });
  const url = await new Promise<string>((resolve, reject) => {
    server.on("error", reject).listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(`http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`);
    });
  });
  return {
    ...{ url, appId, installationId, privateKey },
    tokens: () => count,
    checks: () => runs,
    deployments: () =>
      deployed.map(({ environment, sha, statuses }) => ({
        ...{ environment, sha, states: (statuses as readonly Json[]).map(({ state }) => state).toReversed() },
      })),
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** GitHub's, of a commit: each that is made is one more, and a list shows the newest of a name. */
async function checkRuns(runs: Json[], request: IncomingMessage): Promise<Answer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk);
  if (request.method === "POST") {
    const { output, ...run } = JSON.parse(Buffer.concat(chunks).toString("utf8")) as Json;
    const { annotations, ...words } = output as Json & { readonly annotations: readonly object[] };
    runs.push({
      ...run,
      id: runs.length + 1,
      output: { ...words, annotations_count: annotations.length },
      annotations,
    });
    return [201, runs.at(-1) ?? {}];
  }
  const sha = /\/commits\/([0-9a-f]+)\/check-runs/.exec(request.url ?? "")?.[1];
  const [newest] = runs.filter((run) => run["head_sha"] === sha).slice(-1);
  return [200, { total_count: newest === undefined ? 0 : 1, check_runs: newest === undefined ? [] : [newest] }];
}

/** GitHub's, with the newest status first. */
async function deployments(deployed: Json[], request: IncomingMessage): Promise<Answer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString("utf8");
  const body = text === "" ? {} : (JSON.parse(text) as Json);
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://x");
  const id = Number(/\/deployments\/(\d+)\/statuses$/.exec(pathname)?.[1] ?? 0);
  const statuses = (deployed[id - 1]?.["statuses"] ?? []) as Json[];
  if (request.method === "GET" && id > 0) return [200, statuses];
  if (request.method === "GET")
    return [
      200,
      deployed.filter(
        (one) => one["sha"] === searchParams.get("sha") && one["environment"] === searchParams.get("environment"),
      ),
    ];
  if (id > 0) {
    statuses.unshift(body);
    return [201, { ...body, id: statuses.length }];
  }
  deployed.push({ ...body, id: deployed.length + 1, sha: body["ref"], statuses: [] });
  return [201, deployed.at(-1) ?? {}];
}

const unknown: Answer = [401, { message: "Bad credentials" }];

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json; charset=utf-8" });
  response.end(
    JSON.stringify(Array.isArray(body) ? body : { ...body, documentation_url: "https://docs.github.com/rest" }),
  );
}

async function pass(
  request: IncomingMessage,
  response: ServerResponse,
  to: string,
  authorization: string | undefined,
  reword: (text: string) => string,
): Promise<void> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const headers = new Headers();
  for (const name of ["content-type", "accept", "git-protocol", "content-encoding", "if-none-match"]) {
    const value = request.headers[name];
    if (typeof value === "string") headers.set(name, value);
  }
  if (authorization !== undefined) headers.set("authorization", authorization);
  // Links from page to page lead back here.
  headers.set("x-forwarded-host", request.headers.host ?? "");
  const body = Buffer.concat(chunks);
  const given = await fetch(`${to}${request.url}`, {
    ...{ method: request.method ?? "GET", headers, redirect: "manual" as const },
    ...(body.length === 0 ? {} : { body }),
  });
  const bytes = Buffer.from(await given.arrayBuffer());
  const type = given.headers.get("content-type") ?? "";
  const kept = [...given.headers].filter(
    ([name]) => !/^(?:content-(?:length|encoding)|transfer-encoding|connection)$/.test(name),
  );
  response.writeHead(given.status, Object.fromEntries(kept));
  response.end(type.includes("json") ? reword(bytes.toString("utf8")) : bytes);
}

/** What GitHub documents of an App's token: RS256, `iss` the App, `iat` not to come, `exp` to come and at most ten minutes away. */
function refuseJwt(jwt: string, appId: string, publicKey: string): string | undefined {
  const [head = "", claims = "", signature = ""] = jwt.split(".");
  const read = (part: string): Readonly<Record<string, unknown>> => {
    try {
      return JSON.parse(Buffer.from(part, "base64url").toString("utf8")) as Readonly<Record<string, unknown>>;
    } catch {
      // What is no JSON claims nothing.
      return {};
    }
  };
  const { alg } = read(head);
  const { iss, iat, exp } = read(claims);
  const signed = verify(
    "sha256",
    Buffer.from(`${head}.${claims}`),
    createPublicKey(publicKey),
    Buffer.from(signature, "base64url"),
  );
  if (alg !== "RS256" || !signed || String(iss) !== appId) return "A JSON web token could not be decoded";
  const now = Date.now() / 1_000;
  if (typeof iat !== "number" || iat > now)
    return "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued";
  if (typeof exp !== "number" || exp <= now)
    return "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires";
  return exp > now + jwtSecondsMax ? "'Expiration time' claim ('exp') is too far in the future" : undefined;
}
