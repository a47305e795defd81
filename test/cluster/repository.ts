// A user's repository for the cluster, and Slipway's command line run in it: the forge is a bare repository that Argo CD reads over HTTP.
import { execFile, execFileSync, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { nameImages } from "../../images/name-images.ts";
import type { Cluster } from "./cluster.ts";

const root = join(import.meta.dirname, "../..");

export interface CliReply {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Following {
  /** What it has written so far. */
  lines(): readonly string[];
  end(): Promise<void>;
}

export class UserRepository {
  readonly checkout: string;
  readonly #state: string;
  readonly #variables: NodeJS.ProcessEnv;

  /** @param variables what its person's environment has beside this process's */
  constructor(checkout: string, state: string, variables: NodeJS.ProcessEnv = {}) {
    this.checkout = checkout;
    this.#state = state;
    this.#variables = variables;
  }

  get forge(): string {
    return join(this.#state, "forge.git");
  }

  /** Runs `slipway` as a person would, in the checkout. */
  slipway(...argv: readonly string[]): Promise<CliReply> {
    const program = ["--disable-warning=ExperimentalWarning", join(root, "src/cli/main.ts")];
    const env = { ...process.env, ...this.#variables };
    const options = { cwd: this.checkout, timeout: 240_000, maxBuffer: 16 * 2 ** 20, env };
    return new Promise((resolve) => {
      execFile(process.execPath, [...program, "--state", this.#state, ...argv], options, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }),
      );
    });
  }

  /** Runs one that goes on until it is ended, as with Ctrl-C. */
  follow(...argv: readonly string[]): Following {
    const program = ["--disable-warning=ExperimentalWarning", join(root, "src/cli/main.ts")];
    const child = spawn(process.execPath, [...program, "--state", this.#state, ...argv], { cwd: this.checkout });
    let written = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => {
        written += text;
      });
    const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
    return {
      lines: () => written.split("\n").slice(0, -1),
      async end() {
        child.kill("SIGINT");
        await ended;
      },
    };
  }

  git(...argv: readonly string[]): string {
    return execFileSync("git", ["--git-dir", this.forge, ...argv], { encoding: "utf8" }).trim();
  }

  read(path: string): string {
    return readFileSync(join(this.checkout, path), "utf8");
  }

  write(path: string, text: string): void {
    mkdirSync(join(this.checkout, path, ".."), { recursive: true });
    writeFileSync(join(this.checkout, path), text);
  }
}

/**
 * This checkout's policies with the cluster's addresses and the digests of the images that were just built, and no strategy; or what an earlier run has
 * made of it.
 *
 * @param bus as the environment says it; one node unless told
 */
export function makeRepository({ machine, images, gitFolder, gitUrl }: Cluster, bus?: string): UserRepository {
  const checkout = machine.path("checkout");
  if (existsSync(checkout)) return new UserRepository(checkout, gitFolder);
  cpSync(join(root, "policies"), join(checkout, "policies"), { recursive: true });
  mkdirSync(join(checkout, "strategies"), { recursive: true });
  const repository = new UserRepository(checkout, gitFolder);
  const file = "policies/environments/paper.yaml";
  const ofBus = bus === undefined ? "" : `, bus: ${bus}`;
  const settings = `  cluster: { repository: "${gitUrl}/forge.git", apiServers: ["${machine.addresses.node}:6443"]${ofBus} }\n`;
  const withCluster = repository.read(file).replace("  venues:\n", `${settings}  venues:\n`);
  // The embedded cluster runs one bus.
  const text = bus === undefined ? withCluster : withCluster.replace("embedded: true", "embedded: false");
  repository.write(file, nameImages(text, images.own));
  execFileSync("git", ["init", "-q", checkout]);
  for (const [name, value] of [
    ["user.name", "Ada"],
    ["user.email", "ada@example.com"],
  ])
    execFileSync("git", ["-C", checkout, "config", name ?? "", value ?? ""]);
  return repository;
}

/** Takes one of this checkout's example strategies over. */
export function addExample(repository: UserRepository, id: string): void {
  cpSync(join(root, "strategies", id), join(repository.checkout, "strategies", id), {
    recursive: true,
    filter: (path) => !path.includes("__pycache__"),
  });
}
