import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { openCluster } from "#cluster/client.ts";
import { clusterObserver, observeCluster } from "#cluster/observe.ts";
import { type ApiServer, startApiServer } from "./api-server.ts";

const folder = mkdtempSync(join(tmpdir(), "slipway-kubeconfig-"));
let server: ApiServer;
let nowMs = 0;
beforeAll(async () => {
  server = await startApiServer(folder);
  Object.assign(server.answers, { applications: [], pods: [], events: [] });
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  server.shown.length = 0;
  server.tokens = ["right"];
});

const variables = { PATH: process.env["PATH"], OWN: "mine" };
const open = (file: string) => openCluster(file, { variables, nowMs: () => nowMs });
/** What it saw of whoever this file signs in as, an entry a request. */
async function asked(file: string): Promise<readonly string[]> {
  await observeCluster(await open(file), "paper");
  return [...new Set(server.shown)];
}

/** A program that prints what it is told to, and writes down what it was asked. */
function program(body: string, name = "sign-in"): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\necho "$KUBERNETES_EXEC_INFO" >> ${folder}/asked\n${body}\n`);
  chmodSync(path, 0o755);
  rmSync(join(folder, "asked"), { force: true });
  return path;
}
const times = (): number =>
  existsSync(join(folder, "asked")) ? readFileSync(join(folder, "asked"), "utf8").trim().split("\n").length : 0;
const credential = (status: object): string =>
  `echo '${JSON.stringify({ kind: "ExecCredential", apiVersion: "client.authentication.k8s.io/v1", status })}'`;
const exec = (command: string, more: object = {}): object => ({
  exec: { apiVersion: "client.authentication.k8s.io/v1", interactiveMode: "Never", command, ...more },
});

describe("a token in a file", () => {
  test("is read anew for each request, from beside the kubeconfig, before any token of the entry", async () => {
    mkdirSync(join(folder, "secret"), { recursive: true });
    writeFileSync(join(folder, "secret/token"), "right\n");
    const file = server.kubeconfig({ tokenFile: "secret/token", token: "another" });
    const client = await open(file);
    await observeCluster(client, "paper");
    expect(new Set(server.shown)).toEqual(new Set(["Bearer right"]));
    server.tokens = ["renewed"];
    await expect(observeCluster(client, "paper")).rejects.toMatchObject({
      message: expect.stringMatching(
        /does not say what runs: 401 Unauthorized, so whoever the kubeconfig's user me signs in as is not known/,
      ),
    });
    writeFileSync(join(folder, "secret/token"), "renewed");
    await expect(observeCluster(client, "paper")).resolves.toMatchObject({ environment: "paper" });
  });

  test.each([
    { name: "that is not there", content: undefined, says: /me has its token in .*gone, which is not read: ENOENT$/ },
    { name: "that is empty", content: "\n", says: /me has its token in .*gone, which is empty$/ },
  ])("$name is said at once", async ({ content, says }) => {
    if (content !== undefined) writeFileSync(join(folder, "gone"), content);
    const file = server.kubeconfig({ tokenFile: join(folder, "gone") });
    await expect(open(file)).rejects.toMatchObject({ code: "token-unreadable", message: expect.stringMatching(says) });
  });
});

test("a token in the entry, and a certificate in files beside the kubeconfig, are the library's doing", async () => {
  expect(await asked(server.kubeconfig({ token: "right" }))).toEqual(["Bearer right"]);
  server.shown.length = 0;
  certificate("alice");
  const user = { "client-certificate": "alice.crt", "client-key": "alice.key" };
  expect(await asked(server.kubeconfig(user))).toEqual(["CN=alice"]);
  const missing = { ...user, "client-key": "nobody.key" };
  await expect(asked(server.kubeconfig(missing))).rejects.toMatchObject({
    message: expect.stringMatching(/does not say what runs: ENOENT: no such file or directory, open '.*nobody.key'$/),
  });
});

function certificate(name: string): { readonly cert: string; readonly key: string } {
  const [key, request, cert] = ["key", "csr", "crt"].map((suffix) => join(folder, `${name}.${suffix}`)) as [
    string,
    string,
    string,
  ];
  const openssl = (...argv: readonly string[]): void => void execFileSync("openssl", argv, { stdio: "ignore" });
  openssl(
    "req",
    "-new",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-subj",
    `/CN=${name}`,
    "-keyout",
    key,
    "-out",
    request,
  );
  const { certificate: ca, key: caKey } = server.authority;
  openssl("x509", "-req", "-in", request, "-CA", ca, "-CAkey", caKey, "-CAcreateserial", "-days", "2", "-out", cert);
  return { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
}

describe("a program that signs in", () => {
  test("is run once, with what kubectl tells it, and its token is shown", async () => {
    const path = program(`[ "$MORE $OWN $1" = "yes mine eks" ] && ${credential({ token: "right" })}`);
    const env = [{ name: "MORE", value: "yes" }];
    const file = server.kubeconfig(exec(path, { args: ["eks"], env, provideClusterInfo: true }));
    expect(await asked(file)).toEqual(["Bearer right"]);
    expect(times()).toBe(1);
    expect(JSON.parse(readFileSync(join(folder, "asked"), "utf8"))).toEqual({
      apiVersion: "client.authentication.k8s.io/v1",
      kind: "ExecCredential",
      spec: {
        interactive: false,
        cluster: {
          server: server.url,
          "certificate-authority-data": readFileSync(server.authority.certificate).toString("base64"),
        },
      },
    });
  });

  test("may stand beside the kubeconfig, and is run again when what it gave is over", async () => {
    nowMs = Date.parse("2026-11-27T10:00:00Z");
    program(credential({ token: "right", expirationTimestamp: "2026-11-27T10:15:00Z" }));
    const client = await open(server.kubeconfig(exec("./sign-in", { env: null })));
    await observeCluster(client, "paper");
    nowMs += 14 * 60_000;
    await observeCluster(client, "paper");
    expect(times()).toBe(1);
    nowMs += 60_000;
    await observeCluster(client, "paper");
    expect(times()).toBe(2);
    expect(new Set(server.shown)).toEqual(new Set(["Bearer right"]));
  });

  describe("for who looks again and again", () => {
    const look = (file: string) => clusterObserver(file, { variables, nowMs: () => nowMs });

    test("is run again when what it gave is over, or another is named", async () => {
      nowMs = Date.parse("2026-11-27T10:00:00Z");
      const path = program(credential({ token: "right", expirationTimestamp: "2026-11-27T10:15:00Z" }));
      const observe = look(server.kubeconfig(exec(path)));
      await observe("paper");
      nowMs += 14 * 60_000;
      await observe("live");
      expect(times()).toBe(1);
      nowMs += 60_000;
      const text = readFileSync(path, "utf8");
      writeFileSync(path, text.replace("10:15:00Z", "10:30:00Z"));
      await observe("paper");
      expect(times()).toBe(2);
      server.kubeconfig(exec(path, { args: ["other"] }));
      await observe("paper");
      expect(times()).toBe(3);
    });

    test("is run again within the look when what it gave is refused, and then not before it says something else", async () => {
      program(credential({ token: "right" }));
      const observe = look(server.kubeconfig(exec("./sign-in")));
      await observe("paper");
      server.tokens = ["renewed"];
      writeFileSync(join(folder, "sign-in"), readFileSync(join(folder, "sign-in"), "utf8").replace("right", "renewed"));
      await expect(observe("paper")).resolves.toMatchObject({ environment: "paper" });
      expect(times()).toBe(2);
      server.tokens = [];
      await expect(observe("paper")).rejects.toMatchObject({ message: expect.stringMatching(/401 Unauthorized/) });
      expect(times()).toBe(3);
      await expect(observe("paper")).rejects.toMatchObject({ code: "cluster-unreachable" });
      expect(times()).toBe(4);
      // Of each of the six looks, those that were not waited for among them.
      await vi.waitFor(() => expect(server.shown).toHaveLength(6 * 4), { timeout: 60_000 });
    });
  });

  test("may give a certificate", async () => {
    const { cert, key } = certificate("bob");
    const path = program(credential({ clientCertificateData: cert, clientKeyData: key }).replaceAll("\\n", "\\\\n"));
    expect(await asked(server.kubeconfig(exec(path)))).toEqual(["CN=bob"]);
  });

  const signsIn = /kubeconfig: its user me signs in by /;
  test.each([
    {
      name: "is not there",
      body: undefined,
      more: { installHint: "Install it\n  from there." },
      says: /which is not there; Install it from there\.$/,
    },
    {
      name: "fails",
      body: "echo starting >&2; echo 'token has expired, run aws sso login' >&2; exit 255",
      says: /which ended with exit code 255: token has expired, run aws sso login$/,
    },
    { name: "fails without a word", body: "exit 3", says: /which ended with exit code 3, and said nothing$/ },
    { name: "is killed", body: "kill -9 $$", says: /which ended with SIGKILL, and said nothing$/ },
    { name: "prints something else", body: "echo hello", says: /which printed no ExecCredential with/ },
    { name: "gives nothing", body: credential({}), says: /which printed no ExecCredential with/ },
    {
      name: "needs a person",
      body: "exit 0",
      more: { interactiveMode: "Always" },
      says: /which asks a person, and there is no terminal here$/,
    },
  ])("that $name is a fault that says so", async ({ body, more, says }) => {
    const path = body === undefined ? "slipway-no-such-program" : program(body);
    const opened = open(server.kubeconfig(exec(path, more)));
    await expect(opened).rejects.toMatchObject({
      code: "credential-plugin-failed",
      message: expect.stringMatching(signsIn),
    });
    await expect(opened).rejects.toMatchObject({ message: expect.stringMatching(says) });
    expect(server.shown).toEqual([]);
  });
});

describe("a kubeconfig that leads nowhere is a fault that says why", () => {
  test.each([
    {
      name: "no context",
      more: { "current-context": "" },
      says: /names no current context: choose one with `kubectl config use-context .*`; it has one$/,
    },
    {
      name: "another context",
      more: { "current-context": "two" },
      says: /names two as its current context, which it does not have/,
    },
    { name: "no cluster", more: { clusters: [] }, says: /has no cluster one, which its context one names$/ },
    { name: "no user", more: { users: [] }, says: /has no user me, which its context one names$/ },
  ])("$name", async ({ more, says }) => {
    const message = expect.stringMatching(says);
    await expect(open(server.kubeconfig({}, more))).rejects.toMatchObject({ code: "kubeconfig-unreadable", message });
  });

  test("the cluster's authority is not there, and a program that signs in is to be told of it", async () => {
    const missing = join(folder, "nobody.crt");
    const clusters = [{ name: "one", cluster: { server: server.url, "certificate-authority": missing } }];
    const path = program(credential({ token: "right" }));
    const message = expect.stringMatching(/ names .*nobody\.crt, the cluster's authority, which is not read: /);
    const file = server.kubeconfig(exec(path, { provideClusterInfo: true }), { clusters });
    await expect(open(file)).rejects.toMatchObject({ code: "kubeconfig-unreadable", message });
    expect(times()).toBe(0);
  });

  test.each(["", "- a\n", "apiVersion: v1\n", "{"])("%j", async (text) => {
    writeFileSync(join(folder, "other"), text);
    await expect(open(join(folder, "other"))).rejects.toMatchObject({ code: "kubeconfig-unreadable" });
  });
});
