// Whether this machine lets a node run on it, asked by trying; and whether it has room for one.
//
//   node test/cluster/able.ts      prints why not, and ends with 2
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmdirSync, statfsSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { artifacts } from "../kubernetes/artifacts.ts";

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
    // Where a cluster has its folder: an overlay over an overlay, as in many a container, is refused.
    what: `mount an overlay in ${tmpdir()}, which images are unpacked to`,
    argv: [
      ...["--mount", "sh", "-c"],
      'd="$(mktemp -d)" && trap \'rm -rf "$d"\' EXIT && cd "$d" && mkdir l u w m && mount -t overlay -o lowerdir=l,upperdir=u,workdir=w none m && umount m',
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

const gibibyte = 2 ** 30;

/** @returns undefined where it has room enough, otherwise what there is too little of */
export function whyTooSmall(): string | undefined {
  const [, kibibytes = "0"] = /^MemAvailable: +(\d+) kB$/m.exec(readFileSync("/proc/meminfo", "utf8")) ?? [];
  const rooms = [
    // A run has 2 GB in use at its most.
    { what: "memory", bytes: Number(kibibytes) * 1024, bytesMin: 4 * gibibyte },
    { what: `room in ${tmpdir()}`, bytes: freeBytes(tmpdir()), bytesMin: 4 * gibibyte },
    // Go's own caches, where the programs are still to be built.
    ...(existsSync(artifacts().argoCd.folder)
      ? []
      : [{ what: `room in ${homedir()}`, bytes: freeBytes(homedir()), bytesMin: 12 * gibibyte }]),
  ];
  const small = rooms.find(({ bytes, bytesMin }) => bytes < bytesMin);
  if (small === undefined) return undefined;
  const [has, wants] = [small.bytes, small.bytesMin].map((bytes) => (bytes / gibibyte).toFixed(1));
  return `there are ${has} GiB of ${small.what}, and a cluster wants ${wants}`;
}

function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

const cgroups = "/sys/fs/cgroup";
/** Version 2, where one hierarchy has all controllers. */
export const unified = existsSync(join(cgroups, "cgroup.controllers"));

/** @returns what it is that nobody has tried a cluster on, undefined where somebody has */
export function whyUntried(): string | undefined {
  return unified ? "cgroup v2 was not tried yet; SLIPWAY_CI_CLUSTER=1 tries it" : undefined;
}

function whyNoCgroups(): string | undefined {
  const folders = unified
    ? [cgroups]
    : ["cpu", "cpuacct", "cpuset", "memory", "pids", "devices", "freezer"].map((name) => join(cgroups, name));
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
