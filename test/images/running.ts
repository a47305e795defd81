// A container of an unpacked image, by runc: as a pod would run it, without a cluster.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { ImageStart } from "./layout-files.ts";

export interface Running {
  /** The status of an HTTP GET from inside, as soon as somebody answers. @throws with what the program said */
  readonly answer: (url: string) => Promise<number>;
  /** User and group of its first process. */
  readonly ids: () => readonly string[];
  /** Tries to write a file inside. @returns what was said against it */
  readonly write: (path: string) => string;
  readonly end: () => void;
}

interface Wish {
  readonly name: string;
  readonly rootfs: string;
  readonly bundle: string;
  readonly start: ImageStart;
  /** A folder that stands at /etc/slipway, beside what the image has there. */
  readonly settings: string;
  readonly env: { readonly [name: string]: string };
}

export function run({ name, rootfs, bundle, start, settings, env }: Wish): Running {
  const id = `slipway-image-${name}-${process.pid}`;
  mkdirSync(bundle, { recursive: true });
  mountPoints(rootfs);
  cpSync(join(rootfs, "etc/slipway"), settings, { recursive: true });
  execFileSync("runc", ["spec", "--bundle", bundle]);
  const spec = JSON.parse(readFileSync(join(bundle, "config.json"), "utf8"));
  const [uid, gid] = start.User.split(":").map(Number);
  spec.root = { path: rootfs, readonly: true };
  Object.assign(spec.process, {
    ...{ terminal: false, user: { uid, gid }, args: start.Entrypoint, cwd: start.WorkingDir, capabilities: {} },
    env: [...start.Env, ...Object.entries(env).map(([key, value]) => `${key}=${value}`)],
  });
  for (const destination of ["/tmp", "/var/lib/slipway", "/run/slipway"])
    spec.mounts.push({ destination, type: "tmpfs", source: "tmpfs", options: [`uid=${uid}`, "mode=700", "nosuid"] });
  spec.mounts.push({ destination: "/etc/slipway", type: "bind", source: settings, options: ["rbind", "ro"] });
  writeFileSync(join(bundle, "config.json"), JSON.stringify(spec));
  const log = join(bundle, "log");
  const output = openSync(log, "w");
  const child = spawn("runc", ["run", "--bundle", bundle, id], { stdio: ["ignore", output, output] });
  const inside = (argv: readonly string[]) =>
    spawnSync("runc", ["exec", id, ...argv], { encoding: "utf8", timeout: 20_000 });
  return {
    answer: async (url) => {
      for (let tries = 0; tries < 100 && child.exitCode === null; tries += 1) {
        const { status, stdout } = inside(asking(start.Entrypoint[0] ?? "", url));
        if (status === 0) return Number(stdout);
        await delay(200);
      }
      throw new Error(`${name} does not answer at ${url}; it said:\n${readFileSync(log, "utf8").slice(-3000)}`);
    },
    ids: () => {
      const { pid } = JSON.parse(execFileSync("runc", ["state", id], { encoding: "utf8" }));
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      return ["Uid", "Gid"].map((key) => new RegExp(`^${key}:\\t(\\d+)`, "m").exec(status)?.[1] ?? "");
    },
    write: (path) => inside(writing(start.Entrypoint[0] ?? "", path)).stderr,
    end: () => void spawnSync("runc", ["delete", "--force", id]),
  };
}

/** A container's root is not written to: what is mounted needs its place there before. A node's runtime makes these as well. */
function mountPoints(rootfs: string): void {
  for (const path of ["dev", "proc", "sys", "tmp", "var/lib/slipway", "run/slipway", "etc/slipway"])
    mkdirSync(join(rootfs, path), { recursive: true });
}

function asking(program: string, url: string): readonly string[] {
  if (!program.endsWith("python3"))
    return [program, "-e", `fetch(${JSON.stringify(url)}).then((r) => console.log(r.status))`];
  return [program, "-c", `import urllib.request as u; print(u.urlopen(${JSON.stringify(url)}).status)`];
}

function writing(program: string, path: string): readonly string[] {
  const name = JSON.stringify(path);
  if (program.endsWith("python3")) return [program, "-c", `open(${name}, "w")`];
  return [
    program,
    "-e",
    `try { fs.writeFileSync(${name}, "") } catch (e) { console.error(e.code === "EROFS" ? "Read-only file system" : e) }`,
  ];
}
