import { spawn } from "node:child_process";
import { Fault } from "#core/result.ts";

/** What a kubeconfig's user signs in by, as its `exec` says it: a program that prints an ExecCredential. */
export interface PluginEntry {
  /** As messages name it: the kubeconfig and its user. */
  readonly of: string;
  readonly apiVersion: string;
  readonly command: string;
  readonly args: readonly string[];
  /** What the program gets, beside `KUBERNETES_EXEC_INFO`. */
  readonly variables: { readonly [name: string]: string | undefined };
  readonly installHint: string | undefined;
  readonly interactiveMode: string | undefined;
  /** Of the cluster that it signs in at, where the entry asks for it. */
  readonly cluster: object | undefined;
}

/** What goes with requests: a token, a certificate with its key, or both. */
export interface Credential {
  readonly token: string | undefined;
  /** PEM. */
  readonly certificate: string | undefined;
  /** PEM. */
  readonly key: string | undefined;
  /** Undefined: it holds as long as this process. */
  readonly expiresMs: number | undefined;
}

const answerMs = 60_000;
/** A person signs in, in a browser perhaps. */
const personMs = 10 * 60_000;
const bytesMax = 1024 * 1024;
/** What would expire on its way. */
const leastMs = 10_000;

/** Runs such a program when there is no credential, or none that still holds, and once for all who ask meanwhile. */
export class CredentialPlugin {
  readonly #entry: PluginEntry;
  readonly #nowMs: () => number;
  readonly #ran: () => void;
  #asked: Promise<Credential> | undefined;

  /** @param ran told of each time that the program is run */
  constructor(entry: PluginEntry, nowMs: () => number, ran: () => void) {
    this.#entry = entry;
    this.#nowMs = nowMs;
    this.#ran = ran;
  }

  /** @throws Fault `credential-plugin-failed` */
  async credential(): Promise<Credential> {
    const asked = this.#asked ?? this.#ask();
    const known = await asked;
    if (known.expiresMs === undefined || known.expiresMs - leastMs > this.#nowMs()) return known;
    // Whoever else saw that it is over may have asked already.
    return await (this.#asked === asked ? this.#ask() : (this.#asked ?? this.#ask()));
  }

  #ask(): Promise<Credential> {
    this.#ran();
    const asked = run(this.#entry);
    this.#asked = asked;
    asked.catch(() => {
      if (this.#asked === asked) this.#asked = undefined;
    });
    return asked;
  }
}

/**
 * The program that a kubeconfig's user signs in by, for a process that reads the file again and again: while the file says the same, what the program has
 * said counts until it is over, or refused.
 */
export class SignIns {
  readonly #nowMs: () => number;
  #last: { readonly entry: string; readonly plugin: CredentialPlugin } | undefined;
  #runs = 0;

  /** @param nowMs wall time, by which credentials end */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  pluginOf(entry: PluginEntry): CredentialPlugin {
    const said = JSON.stringify(entry);
    if (this.#last?.entry !== said) {
      const plugin = new CredentialPlugin(entry, this.#nowMs, () => {
        this.#runs += 1;
      });
      this.#last = { entry: said, plugin };
    }
    return this.#last.plugin;
  }

  /** How often such a program was run. */
  get runs(): number {
    return this.#runs;
  }

  /** The API server did not take what the program said: it is run again, whatever it said of how long that holds. @returns false where there is none */
  refused(): boolean {
    const isThere = this.#last !== undefined;
    this.#last = undefined;
    return isThere;
  }
}

async function run(entry: PluginEntry): Promise<Credential> {
  const { apiVersion, interactiveMode, cluster } = entry;
  const interactive = interactiveMode !== "Never" && process.stdin.isTTY === true;
  if (interactiveMode === "Always" && !interactive) throw failed(entry, "asks a person, and there is no terminal here");
  const spec = { interactive, ...(cluster === undefined ? {} : { cluster }) };
  const info = JSON.stringify({ apiVersion, kind: "ExecCredential", spec });
  const printed = await output(entry, info, interactive);
  const credential = parseCredential(printed);
  if (credential === undefined)
    throw failed(entry, "printed no ExecCredential with a status.token, or a certificate and its key");
  return credential;
}

/** What it printed. What it tells people goes to standard error, as it does with kubectl. */
function output(entry: PluginEntry, info: string, interactive: boolean): Promise<string> {
  const { command, args, variables, installHint } = entry;
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...args], {
      env: { ...variables, KUBERNETES_EXEC_INFO: info },
      stdio: [interactive ? "inherit" : "ignore", "pipe", "pipe"],
    });
    const [printed, said] = [new Tail(bytesMax + 1), new Tail(4096)];
    child.stdout.on("data", (bytes: Buffer) => printed.add(bytes));
    child.stderr.on("data", (bytes: Buffer) => {
      said.add(bytes);
      process.stderr.write(bytes);
    });
    const waitMs = interactive ? personMs : answerMs;
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      // What it has started itself may hold the pipes for longer.
      child.stdout.destroy();
      child.stderr.destroy();
      reject(failed(entry, `has not ended within ${waitMs / 1000} s`));
    }, waitMs);
    child.on("error", (cause: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      const hint = installHint === undefined ? "" : `; ${oneLine(installHint)}`;
      const why = cause.code === "ENOENT" ? `is not there${hint}` : `does not start: ${cause.message}`;
      reject(failed(entry, why, cause));
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      const last = oneLine(said.text().trimEnd().split("\n").at(-1) ?? "");
      if (code === 0 && printed.length <= bytesMax) resolve(printed.text());
      else if (code === 0) reject(failed(entry, `printed more than ${bytesMax} bytes`));
      else
        reject(
          failed(
            entry,
            `ended with ${signal ?? `exit code ${code}`}${last === "" ? ", and said nothing" : `: ${last}`}`,
          ),
        );
    });
  });
}

function failed({ of, command }: PluginEntry, why: string, cause?: unknown): Fault {
  return new Fault("credential-plugin-failed", `${of} signs in by ${command}, which ${why}`, { cause });
}

function parseCredential(printed: string): Credential | undefined {
  try {
    const { kind, status } = Object(JSON.parse(printed)) as { readonly kind?: unknown; readonly status?: unknown };
    const said = Object(status) as { readonly [key: string]: unknown };
    const [token, certificate, key, expires] = (
      ["token", "clientCertificateData", "clientKeyData", "expirationTimestamp"] as const
    ).map((name) => (typeof said[name] === "string" && said[name] !== "" ? said[name] : undefined));
    if (kind !== "ExecCredential" || (certificate === undefined) !== (key === undefined)) return undefined;
    if (token === undefined && certificate === undefined) return undefined;
    const expiresMs = expires === undefined ? undefined : Date.parse(expires);
    return Number.isNaN(expiresMs) ? undefined : { token, certificate, key, expiresMs };
  } catch {
    return undefined;
  }
}

function oneLine(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, " ")
    .trim()
    .slice(0, 500);
}

/** The last bytes of a stream. */
class Tail {
  readonly #bytesMax: number;
  #bytes: Buffer = Buffer.alloc(0);

  constructor(max: number) {
    this.#bytesMax = max;
  }

  get length(): number {
    return this.#bytes.length;
  }

  add(bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]).subarray(-this.#bytesMax);
  }

  text(): string {
    return this.#bytes.toString("utf8");
  }
}
