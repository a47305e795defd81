import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { CommitSha } from "#git/port.ts";
import type { ArgoTeller } from "#server/argo-teller.ts";
import { openArgo } from "../../src/cli/argo-site.ts";
import { type ArgoWebhook, startArgoWebhook } from "../server/argo-webhook.ts";

const secret = "of Argo CD's webhook";
const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
let folder: string;
let argo: ArgoWebhook | undefined;
let teller: ArgoTeller | undefined;
const open = async (variables: Readonly<Record<string, string>>) => {
  const opened = await openArgo({ variables, steady: () => performance.now() }, "github", log);
  teller = opened.ok ? opened.value : undefined;
  return opened;
};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway-argo-"));
  // As Argo CD makes one for itself: signed by itself, and no authority.
  const names = [
    "-subj",
    "/O=Argo CD",
    "-addext",
    "subjectAltName=IP:127.0.0.1",
    "-addext",
    "basicConstraints=CA:FALSE",
  ];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", join(folder, "tls.key")];
  const argv = ["req", "-x509", ...key, "-days", "2", ...names, "-out", join(folder, "tls.crt")];
  execFileSync("openssl", argv, { stdio: "ignore" });
  writeFileSync(join(folder, "secret"), `${secret}\n`);
  writeFileSync(join(folder, "prose"), "ask the platform team");
});
afterEach(async () => {
  await teller?.stop();
  await argo?.stop();
});
afterAll(() => rmSync(folder, { recursive: true }));

test("where no webhook is named nobody is told", async () => {
  expect(await open({})).toEqual({ ok: true, value: undefined });
  expect(await open({ SLIPWAY_ARGOCD_WEBHOOK: "" })).toEqual({ ok: true, value: undefined });
});

test.each([
  "https://argo.example.org",
  "argocd-server",
  "file:///api/webhook",
  "http://a b/api/webhook",
  `http://a/${"b/".repeat(100)}api/webhook`,
])("%s is refused, with what is meant", async (url) => {
  const fix = expect.stringContaining("http://argocd-server.argocd.svc/api/webhook");
  const message = expect.stringContaining(url);
  expect(await open({ SLIPWAY_ARGOCD_WEBHOOK: url })).toMatchObject({
    ok: false,
    error: { code: "argocd-webhook-malformed", message, fix },
  });
});

test("a certificate that is none is refused, with where Argo CD's own is; a file that is not there is none", async () => {
  const named = { SLIPWAY_ARGOCD_WEBHOOK: "https://argo.example.org/api/webhook" };
  const wrong = await open({ ...named, SLIPWAY_ARGOCD_CERTIFICATE_FILE: join(folder, "prose") });
  const fix = expect.stringContaining("kubectl -n argocd get secret argocd-secret");
  expect(wrong).toMatchObject({ ok: false, error: { code: "argocd-certificate-malformed", fix } });
  expect(await open({ ...named, SLIPWAY_ARGOCD_CERTIFICATE_FILE: join(folder, "missing") })).toMatchObject({
    ok: true,
  });
});

test("a certificate that cannot be read is refused, with what and why, and not taken for one that is none", async () => {
  const path = join(folder, "folder");
  mkdirSync(path);
  const found = await open({
    SLIPWAY_ARGOCD_WEBHOOK: "https://argo.example.org/api/webhook",
    SLIPWAY_ARGOCD_CERTIFICATE_FILE: path,
  });
  const message = `SLIPWAY_ARGOCD_CERTIFICATE_FILE names ${path}, which cannot be read: EISDIR: illegal operation on a directory, read`;
  const fix = expect.stringContaining("this process may read");
  expect(found).toMatchObject({ ok: false, error: { code: "argocd-certificate-unreadable", message, fix } });
});

test.each([
  { name: "with it", believed: true },
  { name: "without it", believed: false },
])("over https it is told $name, the certificate that Argo CD made for itself", async ({ believed }) => {
  const [key, cert] = ["tls.key", "tls.crt"].map((name) => readFileSync(join(folder, name), "utf8")) as [
    string,
    string,
  ];
  argo = await startArgoWebhook({ github: secret }, { key, cert });
  await open({
    SLIPWAY_ARGOCD_WEBHOOK: argo.url,
    SLIPWAY_ARGOCD_WEBHOOK_SECRET_FILE: join(folder, "secret"),
    ...(believed ? { SLIPWAY_ARGOCD_CERTIFICATE_FILE: join(folder, "tls.crt") } : {}),
  });
  const repository = "https://git.example/acme/strategies.git";
  teller?.tell({ environment: "paper", repository, commit: "1".repeat(40) as CommitSha, paths: ["apps/x.yaml"] });
  if (believed)
    await expect.poll(() => argo?.taken).toMatchObject([{ ref: "refs/heads/env/paper", paths: ["apps/x.yaml"] }]);
  else await expect.poll(() => teller?.untold()).toMatchObject([{ message: expect.stringMatching(/self.signed/) }]);
});
