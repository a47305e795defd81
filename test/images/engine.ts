// A container engine without a daemon: buildah, with a store of its own. It asks no registry for anything.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";

export class Engine {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Makes an image of a folder. */
  imageOf(folder: string, name: string): void {
    const container = this.#buildah("from", "scratch").trim();
    this.#buildah("add", "--quiet", container, folder, "/");
    this.#buildah("config", "--env", "PATH=/usr/local/bin:/usr/bin", container);
    this.#buildah("commit", "--quiet", container, name);
    this.#buildah("rm", container);
  }

  /** What the engine says of a build that fails is the error. */
  build(context: string, file: string, target: string, name: string, secrets: { readonly [id: string]: string }): void {
    const argv = ["build", "--pull-never", "--isolation", "chroot", "--layers", "--timestamp", "0"];
    for (const [id, path] of Object.entries(secrets)) argv.push("--secret", `id=${id},src=${path}`);
    this.#buildah(...argv, "--file", file, "--target", target, "--tag", name, context);
  }

  /** Writes an image as an OCI layout. */
  push(name: string, layout: string): void {
    mkdirSync(dirname(layout), { recursive: true });
    this.#buildah("push", "--quiet", name, `oci:${layout}`);
  }

  /** Nothing of its store stays mounted. */
  end(): void {
    this.#buildah("rm", "--all");
    this.#buildah("rmi", "--all", "--force");
  }

  #buildah(...argv: readonly string[]): string {
    const place = (name: string): string => {
      mkdirSync(join(this.#folder, name), { recursive: true });
      return join(this.#folder, name);
    };
    const store = ["--root", place("store"), "--runroot", place("run"), "--storage-driver", "overlay"];
    const { status, stdout, stderr } = spawnSync("buildah", [...store, ...argv], {
      encoding: "utf8",
      maxBuffer: 64 * 2 ** 20,
      timeout: 800_000,
      env: { ...process.env, BUILDAH_ISOLATION: "chroot", TMPDIR: place("tmp") },
    });
    if (status !== 0) throw new Error(`buildah ${argv.join(" ")}\n${stdout.slice(-4000)}\n${stderr.slice(-4000)}`);
    return stdout;
  }
}

/** Why no image can be built here; undefined when it can. Installs buildah and runc where Debian's packages can be had. */
export function lacking(): string | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "building images needs Linux and root";
  const missing = ["buildah", "runc"].filter((program) => spawnSync(program, ["--version"]).status !== 0);
  if (missing.length === 0) return undefined;
  try {
    const install = `apt-get update -q && apt-get install -qy --no-install-recommends ${missing.join(" ")}`;
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    execFileSync("sh", ["-c", install], { env, stdio: ["ignore", "ignore", "inherit"], timeout: 300_000 });
    return undefined;
  } catch {
    return `${missing.join(" and ")} cannot be installed: apt-get install buildah runc`;
  }
}
