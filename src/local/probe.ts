import { execFile } from "node:child_process";
import { request } from "node:http";
import { connect } from "node:net";
import type { Tools } from "./isolation.ts";
import { printable } from "./log-file.ts";

/** A probe of the manifest with its port resolved. Times are seconds of the manifest. */
export interface Probe {
  readonly kind: "http" | "tcp";
  readonly path: string;
  readonly port: number;
  readonly initialDelaySeconds: number;
  readonly periodSeconds: number;
  readonly timeoutSeconds: number;
  readonly failureThreshold: number;
  readonly successThreshold: number;
}

export interface ProbeAnswer {
  readonly good: boolean;
  /** What was seen, for people. */
  readonly seen: string;
}

const bodyBytesMax = 1024;

/** Asks once. Never throws: no answer is an answer. */
export function askProbe(probe: Probe, timeoutMs: number): Promise<ProbeAnswer> {
  return probe.kind === "http" ? askHttp(probe, timeoutMs) : askTcp(probe, timeoutMs);
}

function askHttp(probe: Probe, timeoutMs: number): Promise<ProbeAnswer> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const asked = request({ host: "127.0.0.1", port: probe.port, path: probe.path, agent: false, signal });
    asked.on("response", (response) => {
      const status = response.statusCode ?? 0;
      let body = "";
      const answer = (): void => {
        const text = printable(body);
        resolve({
          good: status >= 200 && status < 400,
          seen: `${probe.path} answers ${status}${text === "" ? "" : `: ${text}`}`,
        });
      };
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        body += chunk;
        if (body.length > bodyBytesMax) response.destroy();
      });
      response.once("close", answer);
    });
    asked.once("error", (error: NodeJS.ErrnoException) => {
      const why = signal.aborted ? `within ${timeoutMs / 1000} s` : `(${error.code ?? error.name})`;
      resolve({ good: false, seen: `${probe.path} on port ${probe.port} does not answer ${why}` });
    });
    asked.end();
  });
}

function askTcp(probe: Probe, timeoutMs: number): Promise<ProbeAnswer> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port: probe.port, timeout: timeoutMs });
    const end = (good: boolean, seen: string): void => {
      socket.destroy();
      resolve({ good, seen });
    };
    socket.once("connect", () => end(true, `port ${probe.port} accepts`));
    socket.once("timeout", () => end(false, `port ${probe.port} does not answer in ${timeoutMs} ms`));
    socket.once("error", (error: NodeJS.ErrnoException) =>
      end(false, `port ${probe.port} does not accept (${error.code ?? error.name})`),
    );
  });
}

/** Prints the status and, below it, what the answer says; the rest is read, so that who answers is not cut off. */
const httpInside = [
  `printf 'GET %s HTTP/1.0\\r\\nHost: 127.0.0.1\\r\\n\\r\\n' "$0" >&3`,
  `IFS=' ' read -r _ status _ <&3; echo "$status"`,
  `while IFS= read -r line <&3 && [ -n "\${line%$'\\r'}" ]; do :; done`,
  `IFS= read -r -d '' -n ${bodyBytesMax} body <&3; printf '%s' "$body"`,
  "IFS= read -r -d '' -n 65536 _ <&3",
  "exit 0",
].join("; ");

/** Asks a program that has no network but its own loopback: from inside its namespace, with bash's `/dev/tcp`. */
export function askInside(
  probe: Probe,
  timeoutMs: number,
  pid: number,
  tools: NonNullable<Tools["networkless"]>,
): Promise<ProbeAnswer> {
  const ask = `exec 3<>/dev/tcp/127.0.0.1/${probe.port} || exit 9
${probe.kind === "tcp" ? "exit 0" : httpInside}`;
  const args = [
    "--preserve-credentials",
    "--user",
    "--net",
    "--target",
    String(pid),
    "--",
    tools.bash,
    "-c",
    ask,
    probe.path,
  ];
  return new Promise((resolve) => {
    execFile(
      tools.nsenter,
      args,
      { env: {}, timeout: timeoutMs, killSignal: "SIGKILL", maxBuffer: 4096 },
      (error, stdout) => {
        const [status = "", ...lines] = stdout.split("\n");
        const text = printable(lines.join("\n"));
        if (error !== null) resolve({ good: false, seen: `${probe.path} on port ${probe.port} does not answer` });
        else if (probe.kind === "tcp") resolve({ good: true, seen: `port ${probe.port} accepts` });
        else
          resolve({
            good: /^[23]\d\d$/.test(status),
            seen: `${probe.path} answers ${status === "" ? "nothing" : status}${text === "" ? "" : `: ${text}`}`,
          });
      },
    );
  });
}
