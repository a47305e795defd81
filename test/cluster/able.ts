// Whether this machine lets a node run on it, asked by trying: what CI asks before it builds a cluster for minutes.
//
//   node test/cluster/able.ts      prints why not, and ends with 2
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmdirSync } from "node:fs";
import { join } from "node:path";

interface Attempt {
  readonly what: string;
  readonly argv: readonly string[];
  /** Without this program, which comes with the packages, it is not tried. */
  readonly program?: string;
}

/** Each leaves nothing: namespaces end with their process. */
const attempts: readonly Attempt[] = [
  { what: "make network, mount and process namespaces", argv: ["--net", "--mount", "--pid", "--fork", "true"] },
  {
    what: "mount an overlay, which images are unpacked to",
    argv: [
      ...["--mount", "sh", "-c"],
      'cd "$(mktemp -d)" && mount -t tmpfs none . && mkdir l u w m && mount -t overlay -o lowerdir=l,upperdir=u,workdir=w none m',
    ],
  },
  {
    what: "change the kernel's settings of a network namespace",
    argv: ["--net", "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"],
  },
  {
    what: "filter packets with nftables",
    argv: [
      "--net",
      "sh",
      "-c",
      "nft add table inet slipway && nft add chain inet slipway c '{ type filter hook forward priority 0; }'",
    ],
    program: "/usr/sbin/nft",
  },
  {
    what: "translate addresses with iptables",
    argv: ["--net", "iptables", "-t", "nat", "-A", "POSTROUTING", "-j", "MASQUERADE"],
    program: "/usr/sbin/iptables",
  },
  {
    what: "lay a cable between network namespaces",
    argv: ["--net", "ip", "link", "add", "slipway0", "type", "veth", "peer", "name", "slipway1"],
    program: "/usr/sbin/ip",
  },
  {
    what: "make a bridge",
    argv: ["--net", "ip", "link", "add", "slipway0", "type", "bridge"],
    program: "/usr/sbin/ip",
  },
];

/** @returns undefined where a cluster can be tried, otherwise the first reason against it */
export function whyNoCluster(): string | undefined {
  if (process.platform !== "linux") return "a node needs Linux";
  if (process.getuid?.() !== 0) return "a node needs root: namespaces, cgroups and mounts";
  for (const { what, argv, program } of attempts) {
    if (program !== undefined && !existsSync(program)) continue;
    const { status, stderr, error } = spawnSync("unshare", argv, { encoding: "utf8", timeout: 30_000 });
    if (status !== 0) return `this machine does not let root ${what}: ${(error?.message ?? stderr).trim()}`;
  }
  return whyNoCgroups();
}

function whyNoCgroups(): string | undefined {
  const root = "/sys/fs/cgroup";
  // Version 1 has a folder a controller, version 2 has one for all.
  const folders = existsSync(join(root, "cgroup.controllers"))
    ? [root]
    : ["cpu", "memory", "pids", "devices", "freezer"].map((controller) => join(root, controller));
  for (const folder of folders) {
    try {
      rmdirSync(mkdtempSync(join(folder, "slipway-able-")));
    } catch (cause) {
      return `this machine does not let root make a cgroup in ${folder}: ${(cause as Error).message}`;
    }
  }
  return undefined;
}

if (import.meta.main) {
  const reason = whyNoCluster();
  if (reason !== undefined) {
    console.log(reason);
    process.exitCode = 2;
  }
}
