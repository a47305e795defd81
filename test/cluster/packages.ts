// The Debian packages that a cluster is made of.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

/** A package, and a file by which one sees that it, or another one with the same program, is there. */
const packages = {
  containerd: "/usr/bin/containerd",
  runc: "/usr/sbin/runc",
  "containernetworking-plugins": "/usr/lib/cni/bridge",
  nftables: "/usr/sbin/nft",
  iptables: "/usr/sbin/iptables",
  conntrack: "/usr/sbin/conntrack",
  iproute2: "/usr/sbin/ip",
  procps: "/usr/sbin/sysctl",
  openssl: "/usr/bin/openssl",
  "redis-server": "/usr/bin/redis-server",
};

/** Installs what is missing. @returns why it could not, undefined when all is there */
export function installPackages(): string | undefined {
  const missing = Object.entries(packages).flatMap(([name, file]) => (isThere(file) ? [] : [name]));
  if (missing.length === 0) return undefined;
  // In run level 1 nothing is started. What the machine has stays: another maker's containerd goes with none of Debian's beside it.
  const options = "-qy --no-remove --no-install-recommends -o DPkg::Lock::Timeout=120";
  const command = `apt-get update -q && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install ${options} ${missing.join(" ")}`;
  let why = "";
  // Two that install at once break each other now and then.
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const { status, stderr, error } = spawnSync("sh", ["-c", command], {
      stdio: ["ignore", "ignore", "pipe"],
      encoding: "utf8",
      timeout: 600_000,
    });
    if (status === 0) return undefined;
    why = (error?.message ?? stderr).trim().split("\n").slice(-5).join("\n");
  }
  return `these packages cannot be installed: apt-get install ${missing.join(" ")}\n${why}`;
}

function isThere(file: string): boolean {
  return existsSync(file) || existsSync(file.replace("/sbin/", "/bin/"));
}
