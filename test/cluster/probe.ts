// What an algorithm can see and do, asked from inside its pod. It runs there as text, on the image's Node, so it imports nothing of ours.

/** What the outside tells the probe, in its environment's place: the pod has nothing but what is listed here. */
export interface ProbeTargets {
  /** `name` → `host:port` that must not answer. */
  readonly closed: { readonly [name: string]: string };
  /** `name` → `host:port` that must. */
  readonly open: { readonly [name: string]: string };
  readonly unknownNames: readonly string[];
  readonly knownNames: readonly string[];
  /** Paths to write to. */
  readonly writes: readonly string[];
  /** Of a token whose claims are told. */
  readonly token: string;
  /** Paths to look for. */
  readonly present: readonly string[];
}

export interface ProbeReport {
  readonly status: { readonly [field: string]: string };
  readonly ids: { readonly uid: number; readonly gid: number; readonly groups: readonly number[] };
  readonly environment: readonly string[];
  readonly processes: readonly string[];
  readonly hostname: string;
  /** A path → `written`, or why not. */
  readonly writes: { readonly [path: string]: string };
  /** A path → whether it is there. */
  readonly present: { readonly [path: string]: boolean };
  readonly claims: { readonly aud?: unknown; readonly sub?: unknown; readonly exp?: number; readonly iat?: number };
  /** A name → `open`, or why not. */
  readonly connections: { readonly [name: string]: string };
  readonly names: { readonly [name: string]: string };
  readonly limits: { readonly [file: string]: string };
}

/** Node's own text of a function is what travels. */
export function probeScript(targets: ProbeTargets): string {
  return `(${inside.toString()})(${JSON.stringify(targets)}).then((report) => process.stdout.write(JSON.stringify(report)))`;
}

async function inside(targets: ProbeTargets): Promise<ProbeReport> {
  const fs = process.getBuiltinModule("node:fs");
  const net = process.getBuiltinModule("node:net");
  const dns = process.getBuiltinModule("node:dns").promises;
  const os = process.getBuiltinModule("node:os");
  const read = (path: string): string => {
    try {
      return fs.readFileSync(path, "utf8").trim();
    } catch (cause) {
      return `! ${(cause as NodeJS.ErrnoException).code}`;
    }
  };
  const write = (path: string): string => {
    try {
      fs.writeFileSync(path, "x");
      fs.rmSync(path);
      return "written";
    } catch (cause) {
      return String((cause as NodeJS.ErrnoException).code);
    }
  };
  const connect = (address: string, timeout: number): Promise<string> =>
    new Promise((resolve) => {
      const [host = "", port = ""] = address.split(":");
      const socket = net.connect({ host, port: Number(port), timeout });
      const end = (answer: string): void => {
        socket.destroy();
        resolve(answer);
      };
      socket.on("connect", () => end("open"));
      socket.on("timeout", () => end("ETIMEDOUT"));
      socket.on("error", (cause: NodeJS.ErrnoException) => end(String(cause.code)));
    });
  const map = async <Value>(
    names: { readonly [name: string]: string },
    ask: (value: string) => Value | Promise<Value>,
  ): Promise<{ [name: string]: Value }> => {
    const rows = await Promise.all(
      Object.entries(names).map(async ([name, value]) => [name, await ask(value)] as const),
    );
    return Object.fromEntries(rows);
  };
  const same = (paths: readonly string[]): { [path: string]: string } =>
    Object.fromEntries(paths.map((path) => [path, path]));
  const token = read(targets.token).split(".")[1] ?? "";
  return {
    status: Object.fromEntries(
      read("/proc/self/status")
        .split("\n")
        .map((line) => line.split(/:\s*/, 2) as [string, string]),
    ),
    ids: { uid: process.getuid?.() ?? -1, gid: process.getgid?.() ?? -1, groups: process.getgroups?.() ?? [] },
    environment: read("/proc/1/environ")
      .split("\0")
      .map((entry) => entry.split("=")[0] ?? "")
      .filter((name) => name !== "")
      .sort(),
    processes: fs
      .readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map((name) => read(`/proc/${name}/cmdline`).split("\0")[0] ?? ""),
    hostname: os.hostname(),
    writes: await map(same(targets.writes), write),
    present: await map(same(targets.present), (path) => fs.existsSync(path)),
    claims: JSON.parse(process.getBuiltinModule("node:buffer").Buffer.from(token, "base64url").toString()),
    // Nobody waits for what must not answer; what must may take as long as a busy machine takes.
    connections: {
      ...(await map(targets.closed, (address) => connect(address, 3_000))),
      ...(await map(targets.open, (address) => connect(address, 30_000))),
    },
    names: await map(same([...targets.knownNames, ...targets.unknownNames]), (name) =>
      dns.lookup(name).then(
        () => "found",
        (cause: NodeJS.ErrnoException) => String(cause.code),
      ),
    ),
    limits: await map(
      {
        memory: "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        quota: "/sys/fs/cgroup/cpu/cpu.cfs_quota_us",
        period: "/sys/fs/cgroup/cpu/cpu.cfs_period_us",
        memoryMax: "/sys/fs/cgroup/memory.max",
        cpuMax: "/sys/fs/cgroup/cpu.max",
      },
      read,
    ),
  };
}
