import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, isAbsolute, join, resolve } from "node:path";
import type { Finding } from "#core/refusal.ts";
import { err, ok, type Result } from "#core/result.ts";
import { finding } from "../context.ts";

/** The broker that the bus's process runs; one that is a program of its own is started by it as a child. */
export interface ChosenBroker {
  readonly name: "embedded" | "mosquitto" | "nats";
  /** With its version, for people. */
  readonly title: string;
  /** What the bus's process is told (docs/runtime.md). */
  readonly env: Readonly<Record<string, string>>;
}

export interface WantedBroker {
  readonly name: string | undefined;
  /** The file that `--broker-program` names. */
  readonly program: string | undefined;
  readonly cwd: string;
  readonly searchPath: string | undefined;
}

interface Kind {
  readonly program: string;
  /** Where packages put it that a user's PATH need not name. */
  readonly folders: readonly string[];
  readonly versionArgs: readonly string[];
  readonly version: RegExp;
  readonly least: readonly [number, number];
  readonly install: string;
}

const kinds: Readonly<Record<"mosquitto" | "nats", Kind>> = {
  mosquitto: {
    program: "mosquitto",
    folders: ["/usr/local/sbin", "/usr/sbin"],
    versionArgs: ["-h"],
    version: /mosquitto version (\d+)\.(\d+)\S*/,
    least: [2, 0],
    install: "install it (Debian, Ubuntu: apt-get install mosquitto; macOS: brew install mosquitto)",
  },
  nats: {
    program: "nats-server",
    folders: [],
    versionArgs: ["--version"],
    version: /nats-server: v(\d+)\.(\d+)\S*/,
    least: [2, 10],
    install:
      "install it (https://github.com/nats-io/nats-server/releases, or: go install github.com/nats-io/nats-server/v2@latest)",
  },
};

const embedded: ChosenBroker = { name: "embedded", title: "", env: {} };

/** Looks the broker up and asks for its version, so that what is missing is said before anything runs. */
export async function chooseBroker(wanted: WantedBroker): Promise<Result<ChosenBroker, Finding>> {
  const { name = "embedded", program: given } = wanted;
  if (name !== "embedded" && name !== "mosquitto" && name !== "nats")
    return refuse("broker-unknown", `--broker ${name} is no broker`, "write embedded, mosquitto or nats");
  if (name === "embedded") {
    if (given === undefined) return ok(embedded);
    const fix = "name the broker too: --broker mosquitto or --broker nats";
    return refuse("broker-unknown", "--broker-program names a program, and the embedded broker is none", fix);
  }
  const kind = kinds[name];
  const other = "or name it: --broker-program <file>";
  const found = find(kind, wanted);
  if ("looked" in found)
    return refuse("broker-missing", `there is no ${kind.program}; looked ${found.looked}`, `${kind.install}, ${other}`);
  const { program } = found;
  const said = await run(program, kind.versionArgs);
  const [text, major, minor] = kind.version.exec(said) ?? [];
  if (text === undefined)
    return refuse(
      "broker-unfit",
      `${program} does not say that it is a ${kind.program}: ${said.trim().split("\n")[0]?.slice(0, 200) || "nothing"}`,
      `${kind.install}, ${other}`,
    );
  const [leastMajor, leastMinor] = kind.least;
  if (Number(major) !== leastMajor || Number(minor) < leastMinor)
    return refuse(
      "broker-unfit",
      `${program} is ${text}; the bus needs ${leastMajor}.${leastMinor} or a later ${leastMajor}`,
      `${kind.install}, ${other}`,
    );
  if (name === "mosquitto") {
    const { findDynamicSecurity, pluginPattern } = await import("#bus/mosquitto-bus.ts");
    if (findDynamicSecurity() === undefined)
      return refuse(
        "broker-unfit",
        `there is no dynamic security plugin of Mosquitto; looked for ${pluginPattern}`,
        "install Mosquitto's own package, which brings it (Debian, Ubuntu: apt-get install mosquitto)",
      );
  }
  const title = text.replace(/^mosquitto version /, "Mosquitto ").replace(/^nats-server: v/, "nats-server ");
  return ok({ name, title, env: { SLIPWAY_BUS_BROKER: name, SLIPWAY_BUS_PROGRAM: program } });
}

function find(
  { program, folders }: Kind,
  { program: given, cwd, searchPath }: WantedBroker,
): { readonly program: string } | { readonly looked: string } {
  if (given !== undefined) {
    const file = isAbsolute(given) ? given : resolve(cwd, given);
    return isProgram(file) ? { program: file } : { looked: `at ${file}, where no program is` };
  }
  const path = (searchPath ?? "").split(delimiter).filter((folder) => isAbsolute(folder));
  const all = [...new Set([...path, ...folders])];
  const file = all.map((folder) => join(folder, program)).find(isProgram);
  return file === undefined ? { looked: `in ${all.join(", ")}` } : { program: file };
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Everything that it printed, however it ended: Mosquitto ends with 3 after its help. */
function run(program: string, argv: readonly string[]): Promise<string> {
  return new Promise((settle) => {
    execFile(program, argv, { timeout: 10_000, env: {} }, (error, stdout, stderr) => {
      settle(`${stdout}${stderr}` || (error?.message ?? ""));
    });
  });
}

function refuse(code: string, message: string, fix: string): Result<never, Finding> {
  return err(finding(code, message, fix));
}
