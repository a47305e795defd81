// Answers as an API server does, over TLS, to whoever shows the token or the certificate that counts. The real one is asked by
// `npm run test:apiserver` and `npm run test:cluster`.
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { type Authority, makeAuthority, sign } from "../forge/authorities.ts";

export interface ApiServer {
  readonly url: string;
  /** Who signed its certificate, and those of whom it takes. */
  readonly authority: Authority;
  /** What it answers, by the last part of the path: objects of a kind, one object, or text. */
  readonly answers: { [last: string]: readonly object[] | object | string };
  /** What may be shown to it: tokens. */
  tokens: readonly string[];
  /** What was shown to it, an entry a request: `Bearer …`, `CN=…`, or nothing. */
  readonly shown: string[];
  /** Writes a kubeconfig in its folder. */
  kubeconfig(user: object, more?: object): string;
  close(): void;
}

/** @param folder where its files go; the caller removes it */
export async function startApiServer(folder: string): Promise<ApiServer> {
  const authority = makeAuthority(folder, "kubernetes");
  const { key, cert } = sign(folder, authority, "127.0.0.1");
  const answers: ApiServer["answers"] = {};
  const state = { tokens: [] as readonly string[], shown: [] as string[] };
  const ca = readFileSync(authority.certificate);
  const server = createServer({ key, cert, ca, requestCert: true, rejectUnauthorized: false }, (request, response) => {
    const pathname = decodeURIComponent(new URL(request.url ?? "", "https://api").pathname);
    const socket = request.socket as TLSSocket;
    const certified = socket.authorized ? `CN=${String(socket.getPeerCertificate().subject.CN)}` : "";
    const { authorization = certified } = request.headers;
    state.shown.push(authorization);
    const isKnown = certified !== "" || state.tokens.some((token) => authorization === `Bearer ${token}`);
    const [code, body] = isKnown ? answerOf(answers, pathname) : [401, status(401, "Unauthorized")];
    const type = typeof body === "string" ? "text/plain" : "application/json";
    response.writeHead(code, { "content-type": type }).end(typeof body === "string" ? body : JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    ...{ url, authority, answers },
    get tokens() {
      return state.tokens;
    },
    set tokens(tokens) {
      state.tokens = tokens;
    },
    shown: state.shown,
    kubeconfig(user, more = {}) {
      const file = join(folder, "kubeconfig");
      const config = {
        ...{ apiVersion: "v1", kind: "Config", "current-context": "one" },
        clusters: [{ name: "one", cluster: { server: url, "certificate-authority": "kubernetes.crt" } }],
        users: [{ name: "me", user }],
        contexts: [{ name: "one", context: { cluster: "one", user: "me" } }],
        ...more,
      };
      writeFileSync(file, JSON.stringify(config));
      return file;
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

function answerOf(answers: ApiServer["answers"], path: string): readonly [number, object | string] {
  const found = answers[path.split("/").at(-1) ?? ""];
  if (found === undefined) return [404, status(404, `the server could not find ${path}`)];
  return [200, Array.isArray(found) ? { kind: "List", apiVersion: "v1", metadata: {}, items: found } : found];
}

function status(code: number, message: string): object {
  return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, code };
}
