// The bus in the cluster: who gets in with which token of the real API server.
import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { JsonObject } from "#core/json.ts";
import { asObject } from "../apiserver/client.ts";
import type { Login, LoginAnswer, LoginRequest } from "./bus-client.ts";
import { Life } from "./life.ts";
import { Watch } from "./watch.ts";
import type { Stage } from "./way.ts";

/** An identity without a pod, so that nobody's connection is taken over. */
const operator = { namespace: "slipway-paper", account: "operator" };
const atOnce = 200;
const crowd = "crowd";

export function busIdentity(stage: () => Stage): void {
  const ask = async (logins: readonly Login[]): Promise<readonly LoginAnswer[]> => {
    const { machine } = stage().cluster;
    const bus = await new Watch(stage().cluster).pod("slipway-paper", "bus-0");
    const request: LoginRequest = { host: bus?.address ?? "", port: 1883, logins };
    const script = join(import.meta.dirname, "bus-client.ts");
    const argv = ["--disable-warning=ExperimentalWarning", script];
    return JSON.parse(machine.run(process.execPath, argv, { input: JSON.stringify(request), timeoutMs: 120_000 }));
  };
  const codeOf = async (login: Login): Promise<number> => (await ask([login]))[0]?.code ?? -1;
  /** As every client does: whoever cannot be verified in time is not let in, and comes again. @returns how many had to */
  const letIn = async (logins: readonly Login[]): Promise<number> => {
    let waiting = logins;
    let late: number | undefined;
    await stage().cluster.machine.until("all are let in", async () => {
      const answers = await ask(waiting);
      waiting = waiting.filter((_, index) => answers[index]?.code !== 0);
      late ??= waiting.length;
      return waiting.length === 0;
    });
    return late ?? 0;
  };
  const loginAs = ({ namespace, account }: typeof operator, password: string): Login => ({
    user: `${namespace}/${account}`,
    clientId: `${namespace}_${account}`,
    password,
  });
  const tokenOf = async (
    { namespace, account }: typeof operator,
    audiences: readonly string[] = ["bus"],
    boundObjectRef?: JsonObject,
  ): Promise<string> => {
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
    const spec = { audiences, expirationSeconds: 3600, ...(boundObjectRef === undefined ? {} : { boundObjectRef }) };
    const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec };
    const { ok, object, message } = await stage().cluster.client.request("POST", path, body);
    if (!ok) throw new Error(message);
    return String(asObject(object["status"])["token"]);
  };

  test("a token for the bus is let in, and may do what its rules say", async () => {
    const login = loginAs(operator, await tokenOf(operator));
    await letIn([login]);
    expect(await ask([{ ...login, filter: "gw/state" }])).toEqual([{ code: 0, granted: 1 }]);
    expect(await ask([{ ...login, filter: "strat/#" }])).toEqual([{ code: 0, granted: 128 }]);
    stage().steps.add("bus: right token", "let in by TokenReview; its own filter granted, a foreign one refused", 0);
  });

  test("every other token is refused", async () => {
    const { client } = stage().cluster;
    const stranger = { namespace: "default", account: "stranger" };
    await client.apply({
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name: "stranger", namespace: "default" },
    });
    const right = await tokenOf(operator);
    const { key } = signer(stage());
    const claims = JSON.parse(Buffer.from(right.split(".")[1] ?? "", "base64url").toString());
    const forged = (change: object, by: KeyObject = key): Login => loginAs(operator, jwt({ ...claims, ...change }, by));
    const { privateKey: otherKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const past = Math.floor(Date.now() / 1000) - 60;
    // What is refused below is refused for what it says, not for how it was made.
    await letIn([forged({})]);
    const refused: { readonly [why: string]: Login } = {
      "for the API server": loginAs(
        operator,
        await tokenOf(operator, ["https://kubernetes.default.svc.cluster.local"]),
      ),
      "for another service": loginAs(operator, await tokenOf(operator, ["vault"])),
      "of another account": loginAs(operator, await tokenOf({ ...operator, account: "gateway" })),
      "under another's name": { ...loginAs({ ...operator, account: "gateway" }, right) },
      "under another client id": { ...loginAs(operator, right), clientId: "slipway-paper_gateway" },
      "of a foreign namespace": loginAs(stranger, await tokenOf(stranger)),
      "of a foreign namespace under a name that is known": loginAs(operator, await tokenOf(stranger)),
      "that has expired": forged({ iat: past - 3600, nbf: past - 3600, exp: past }),
      "that is not valid yet": forged({ nbf: Math.floor(Date.now() / 1000) + 3600 }),
      "of another issuer": forged({ iss: "https://elsewhere.example" }),
      "signed by another key": forged({}, otherKey),
      "without a signature": loginAs(operator, `${encode({ alg: "none" })}.${encode(claims)}.`),
      "that is none": loginAs(operator, "password"),
      "that is empty": loginAs(operator, ""),
    };
    await stage().steps.time("bus: wrong tokens", `${Object.keys(refused).length} kinds, each refused`, async () => {
      const codes: Record<string, number | undefined> = {};
      await stage().cluster.machine.until("each has its answer", async () => {
        const answers = await ask(Object.values(refused));
        for (const [index, why] of Object.keys(refused).entries()) codes[why] = answers[index]?.code;
        return Object.values(codes).every((code) => code !== -1);
      });
      expect(codes).toEqual(Object.fromEntries(Object.keys(refused).map((why) => [why, 5])));
    });
  });

  test("a pod's token ends with the pod", async () => {
    const { cluster, steps } = stage();
    const watch = new Watch(cluster);
    const executor = { namespace: "momentum-paper", account: "sma-cross" };
    await new Life(stage(), "momentum/sma-cross").deployed();
    const pod = await watch.pod("momentum-paper", "sma-cross-0");
    const bound = { apiVersion: "v1", kind: "Pod", name: "sma-cross-0", uid: pod?.uid ?? "" };
    const token = await tokenOf(executor, ["bus"], bound);
    await letIn([loginAs(executor, token)]);
    await steps.time("bus: deleted pod", "its token was good, and is refused once the pod is gone", async () => {
      await cluster.client.delete({
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: "sma-cross-0", namespace: "momentum-paper" },
      });
      await cluster.machine.until("another pod", async () => {
        const now = await watch.pod("momentum-paper", "sma-cross-0");
        return now !== undefined && now.uid !== pod?.uid;
      });
      await cluster.machine.until("its token is refused", async () => (await codeOf(loginAs(executor, token))) === 5);
      await cluster.machine.until(
        "the new pod is ready",
        async () => (await watch.pod("momentum-paper", "sma-cross-0"))?.ready === true,
      );
    });
  });

  test(`${atOnce} logins at once`, async () => {
    const { steps } = stage();
    const clients = Array.from({ length: atOnce }, (_, index) => ({ namespace: crowd, account: `client-${index}` }));
    await admit(stage(), clients);
    const tokens = await Promise.all(clients.map((client) => tokenOf(client)));
    const logins = clients.map((client, index) => loginAs(client, tokens[index] ?? ""));
    // The kubelet brings a changed ConfigMap to a pod that mounts it within a minute or so.
    await letIn(logins.slice(-1));
    const proven = (late: number): string =>
      `${atOnce} accounts at once, each verified by the API server, all let in, ${late} of them the second time`;
    await steps.time("bus: a burst", proven, () => letIn(logins));
  });
}

/** Gives accounts that no strategy has a rule each, beside what Git says: Argo CD leaves keys alone that are not its own. */
async function admit({ cluster }: Stage, clients: readonly (typeof operator)[]): Promise<void> {
  await cluster.client.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: crowd } });
  for (const { namespace, account: name } of clients)
    await cluster.client.apply({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace } });
  const rules = clients.map(({ namespace, account }) => {
    const rule = { identity: `${namespace}/${account}`, publish: [], subscribe: ["gw/state"] };
    return [`${namespace}.${account}`, JSON.stringify(rule)];
  });
  const metadata = { name: "bus-access-platform", namespace: "slipway-paper" };
  const object = { apiVersion: "v1", kind: "ConfigMap", metadata, data: Object.fromEntries(rules) };
  const { ok, message } = await cluster.client.apply(object, { fieldManager: "crowd" });
  if (!ok) throw new Error(message);
}

/** The key that the API server signs tokens with: a test may make what only it could. */
function signer({ cluster }: Stage): { readonly key: KeyObject } {
  return { key: createPrivateKey(readFileSync(cluster.machine.path("pki/service-accounts.key"))) };
}

function jwt(claims: object, key: KeyObject): string {
  const text = `${encode({ alg: "ES256", typ: "JWT" })}.${encode(claims)}`;
  return `${text}.${sign("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
