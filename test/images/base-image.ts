// The bases that images/Containerfile names, where no registry can be asked for them: Debian's packages of this machine with Node, npm and nats-server.
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { natsProgram } from "../brokers/programs.ts";
import type { Engine } from "./engine.ts";

const root = join(import.meta.dirname, "../..");
/** What `node:24-bookworm` has of what the build asks for. */
const wanted = ["base-files", "bash", "ca-certificates", "coreutils", "dash", "dpkg", "findutils", "git", "grep"];
const alsoWanted = ["libc-bin", "libstdc++6", "python3", "sed", "tar"];

export function makeBases(engine: Engine, folder: string): void {
  const [node, nats] = [join(folder, "node"), join(folder, "nats")];
  debian(node);
  mkdirSync(join(node, "usr/local/bin"), { recursive: true });
  copyFileSync(join(root, "node_modules/node/bin/node"), join(node, "usr/local/bin/node"));
  const [program = ""] = run("sh", ["-c", "command -v npm"]);
  cpSync(join(realpathSync(program), "../.."), join(node, "usr/local/lib/node_modules/npm"), { recursive: true });
  symlinkSync("../lib/node_modules/npm/bin/npm-cli.js", join(node, "usr/local/bin/npm"));
  mkdirSync(join(nats, "usr/local/bin"), { recursive: true });
  copyFileSync(natsProgram(), join(nats, "usr/local/bin/nats-server"));
  engine.imageOf(node, "docker.io/library/node:24-bookworm");
  engine.imageOf(nats, "docker.io/library/nats:2.15.2-alpine");
}

/** Packages with all that they depend on, and dpkg's list of them. */
function debian(folder: string): void {
  const less = ["recommends", "suggests", "conflicts", "breaks", "replaces", "enhances"].map((kind) => `--no-${kind}`);
  const argv = ["depends", "--recurse", "--installed", ...less, ...wanted, ...alsoWanted];
  const packages = run("apt-cache", argv).filter((line) => /^[a-z]/.test(line));
  const installed = new Set(run("dpkg-query", ["-W"]).map((line) => line.split(/[:\t]/)[0]));
  const names = packages.map((name) => name.split(":")[0] ?? name).filter((name) => installed.has(name));
  const links = ["bin", "lib", "lib64", "sbin"].filter((name) => lstatSync(`/${name}`).isSymbolicLink());
  // A package names its files by where they were before /usr was merged.
  const real = (path: string): string => (links.includes(path.split("/")[1] ?? "") ? `/usr${path}` : path);
  const files = run("dpkg", ["-L", ...names]).filter((path) => path.startsWith("/") && path !== "/.");
  const lists = readdirSync("/var/lib/dpkg/info").filter((file) => names.includes(file.split(/[:.]list$|:/)[0] ?? ""));
  const all = [
    ...files.map(real).filter((path) => lstatSync(path, { throwIfNoEntry: false }) !== undefined),
    ...lists.filter((file) => file.endsWith(".list")).map((file) => `/var/lib/dpkg/info/${file}`),
    // Says that these are named with their processor.
    "/var/lib/dpkg/info/format",
    ...links.map((name) => `/${name}`),
  ];
  mkdirSync(folder, { recursive: true });
  const input = [...new Set(all)].map((path) => path.slice(1)).join("\n");
  execFileSync("sh", ["-c", `tar -C / --no-recursion -cf - -T - | tar -xpf - -C "$0"`, folder], { input });
  const stanzas = readFileSync("/var/lib/dpkg/status", "utf8").split("\n\n");
  const status = stanzas.filter((stanza) => names.includes(/^Package: (\S+)/.exec(stanza)?.[1] ?? ""));
  for (const [file, text] of [
    ["var/lib/dpkg/status", `${status.join("\n\n")}\n`],
    ["etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"],
    ["etc/group", "root:x:0:\n"],
  ] as const) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
}

function run(program: string, argv: readonly string[]): readonly string[] {
  const stdout = execFileSync(program, argv, {
    encoding: "utf8",
    maxBuffer: 64 * 2 ** 20,
    stdio: ["ignore", "pipe", "inherit"],
  });
  return stdout.split("\n").filter((line) => line !== "");
}
