// The profiles of images/seccomp: the environment turns to them, and from inside is asked what they refuse that the runtime's own lets through.
import { renameSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { seccompFiles } from "#charts/strategy.ts";
import { asObject, asObjects } from "../apiserver/client.ts";
import { beyond, profileNames, readProfile, type SeccompProfile } from "../images/seccomp.ts";
import { run } from "./hostile.ts";
import { Life } from "./life.ts";
import { ctr } from "./node.ts";
import { type Stage, ship } from "./way.ts";

const [python, typescript] = ["seed/random-py", "seed/random-ts"];
const environmentFile = "policies/environments/paper.yaml";

/** Prints the names of the calls that are let through, each tried with arguments that harm nobody. Numbers are those of x86_64. */
const pythonCalls = `
import ctypes, errno, os, socket
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def call(number, *arguments):
    result = libc.syscall(number, *arguments)
    return result >= 0 or ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS)
def opened(*arguments):
    try:
        socket.socket(*arguments).close()
        return True
    except OSError as cause:
        return cause.errno != errno.EPERM
def fork():
    try:
        child = os.fork()
    except OSError:
        return False
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return True
room = ctypes.create_string_buffer(256)
calls = {
    # Of a process that is not there: who is traced is stopped by its next signal.
    "ptrace": lambda: call(101, 16, 4000000, 0, 0),
    "personality": lambda: call(135, ctypes.c_ulong(0xffffffff)),
    "modify_ldt": lambda: call(154, 0, room, 0),
    "io_uring_setup": lambda: call(425, 1, room),
    "io_setup": lambda: call(206, 1, room),
    "memfd_create": lambda: call(319, b"x", 0),
    "pidfd_open": lambda: call(434, os.getpid(), 0),
    "seccomp": lambda: call(317, 2, 0, room),
    "shmget": lambda: call(29, 0, 4096, 0o600),
    "semget": lambda: call(64, 0, 1, 0o600),
    "msgget": lambda: call(68, 0, 0o600),
    "mq_open": lambda: call(240, b"x", 0, 0, None),
    "mknod": lambda: call(133, b"/tmp/fifo", 0o10600, 0),
    "setxattr": lambda: call(188, b"/tmp", b"user.x", b"y", 1, 0),
    "splice": lambda: call(275, 0, None, 0, None, 1, 0),
    "tee": lambda: call(276, 0, 1, 1, 0),
    "sched_setscheduler": lambda: call(144, 0, 3, room),
    "mlock": lambda: call(149, room, 0),
    "inotify_init1": lambda: call(294, 0),
    "landlock": lambda: call(444, None, 0, 1),
    "netlink": lambda: opened(socket.AF_NETLINK, socket.SOCK_RAW, 0),
    "crypto socket": lambda: opened(38, socket.SOCK_SEQPACKET, 0),
    "vsock": lambda: opened(40, socket.SOCK_STREAM, 0),
    "SCTP": lambda: opened(socket.AF_INET, socket.SOCK_STREAM, 132),
    "MPTCP": lambda: opened(socket.AF_INET, socket.SOCK_STREAM, 262),
    "fork": fork,
}
print(" ".join(sorted(name.replace(" ", "-") for name, allowed in calls.items() if allowed())))
`;

/** What a machine of 32 bits would call: another table of calls, which a profile has to know of or to refuse as a whole. */
const oldCalls = `
import ctypes, mmap
code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
code.write(b"\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3")
print("called", ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))() > 0, flush=True)
`;

const nodeCalls = `
const { spawnSync } = require("node:child_process"), os = require("node:os"), dgram = require("node:dgram"), net = require("node:net");
const { Worker } = require("node:worker_threads"), fs = require("node:fs");
const can = {};
can.spawn = spawnSync(process.execPath, ["--version"]).error === undefined;
try { os.networkInterfaces(); can.interfaces = true; } catch { can.interfaces = false; }
try { os.setPriority(0, 1); can.priority = true; } catch { can.priority = false; }
fs.writeFileSync("/tmp/x", "x"); fs.copyFileSync("/tmp/x", "/tmp/y"); fs.rmSync("/tmp/x"); fs.rmSync("/tmp/y"); can.files = true;
const watcher = fs.watch("/tmp"); watcher.close(); can.watch = true;
const socket = dgram.createSocket("udp4").bind(0, "127.0.0.1", () => { can.udp = true; socket.close();
  const server = net.createServer((link) => link.end()).listen("/tmp/s", () => net.connect("/tmp/s").on("close", () => { can.unix = true; server.close();
    new Worker("", { eval: true }).on("exit", (code) => { can.worker = code === 0; console.log(JSON.stringify(can)); }); }));
});
`;
const needed = { files: true, watch: true, udp: true, unix: true, worker: true };

export function seccomp(stage: () => Stage): void {
  const life = (id: string): Life => new Life(stage(), id);
  const inPython = async (script: string): Promise<string> =>
    run(stage(), life(python), { container: "algorithm", script });
  const inNode = async (id: string): Promise<unknown> =>
    JSON.parse(await run(stage(), life(id), { container: "executor", script: nodeCalls }));
  let before: readonly string[] = [];

  test("the profiles are within what this machine's containerd gives a pod", async () => {
    const { machine } = stage().cluster;
    await life(python).deployed();
    await life(typescript).deployed();
    const ids = ctr(machine, ["containers", "ls", "-q", 'labels."io.kubernetes.container.name"==bus'])
      .split("\n")
      .filter((id) => id !== "");
    const ceilings = ids.flatMap((id): readonly SeccompProfile[] => {
      try {
        return [JSON.parse(ctr(machine, ["containers", "info", id])).Spec.linux.seccomp];
      } catch {
        return []; // An ended one, which the kubelet has removed meanwhile.
      }
    });
    expect(ceilings).not.toEqual([]);
    for (const ceiling of ceilings)
      for (const name of profileNames) expect(beyond(readProfile(name), ceiling), name).toEqual([]);
  });

  test("RuntimeDefault lets through what no algorithm needs", async () => {
    before = (await inPython(pythonCalls)).split(" ");
    expect(before).toEqual(expect.arrayContaining(["fork", "netlink", "personality", "ptrace"]));
    expect(before.length).toBeGreaterThanOrEqual(15);
    expect(await inNode(typescript)).toEqual({ ...needed, spawn: true, interfaces: true, priority: true });
  });

  test("the environment turns to its own profiles: every strategy restarts with them, and trades", async () => {
    const { repository, steps } = stage();
    const uids = new Map<string, string | undefined>();
    for (const id of [python, typescript])
      uids.set(id, (await life(id).watch.pod(life(id).namespace, life(id).pod))?.uid);
    const text = repository.read(environmentFile);
    repository.write(
      environmentFile,
      text.replace("  approvals: 0\n", "  approvals: 0\n  isolation: { seccomp: Localhost }\n"),
    );
    await steps.time("Localhost", "merged; both strategies run with their profiles, and trade", async () => {
      await ship(stage(), "deploy", "--policies", "--merge", "--timeout", "1");
      for (const id of [python, typescript]) await life(id).ready(uids.get(id));
      for (const id of [python, typescript]) await life(id).trading();
    });
    expect(await profilesOf(stage(), life(python))).toEqual([seccompFiles.typescript, seccompFiles.python]);
    expect(await profilesOf(stage(), life(typescript))).toEqual([seccompFiles.typescript]);
  });

  test("the profiles refuse all of it", async () => {
    const { steps } = stage();
    const proven = `${before.length} calls that RuntimeDefault lets through, from inside of a Python algorithm: all refused; files, sockets and threads are not`;
    await steps.time("seccomp", proven, async () => {
      expect(await inPython(pythonCalls)).toBe("");
      expect(await inPython(oldCalls)).not.toMatch(/called/);
      const refused = { spawn: false, interfaces: false, priority: false };
      expect(await inNode(typescript)).toEqual({ ...needed, ...refused });
      expect(await inNode(python)).toEqual({ ...needed, ...refused });
    });
  });

  test("its state, its log and its logins are as before", async () => {
    const { repository, cluster, steps } = stage();
    await steps.time(
      "a restart under them",
      "the executor is killed: its state is read again, its log is there",
      async () => {
        const one = life(typescript);
        const { restarts = 0 } = (await one.watch.pod(one.namespace, one.pod)) ?? {};
        for (const pid of one.executors()) process.kill(pid, "SIGKILL");
        await one.until(
          "restarted",
          async () => ((await one.watch.pod(one.namespace, one.pod))?.restarts ?? 0) > restarts,
        );
        await one.ready();
        await one.trading();
        const argv = ["logs", typescript, "-e", "paper", "--kubeconfig", cluster.kubeconfig];
        expect((await repository.slipway(...argv)).stdout).toContain("subscribed and warmed");
        await one.sound();
      },
    );
  });

  test("admission takes no pod of a strategy without one of them", async () => {
    const { client } = stage().cluster;
    const { namespace, pod } = life(typescript);
    const { object } = await client.get({ apiVersion: "v1", kind: "Pod", metadata: { name: pod, namespace } });
    const spec = asObject(object["spec"]);
    for (const seccompProfile of [
      undefined,
      { type: "RuntimeDefault" },
      { type: "Localhost", localhostProfile: "x" },
    ]) {
      const containers = asObjects(spec["containers"]).map(({ securityContext, ...container }) => {
        const { seccompProfile: _own, ...rest } = asObject(securityContext);
        return {
          ...container,
          securityContext: { ...rest, ...(seccompProfile === undefined ? {} : { seccompProfile }) },
        };
      });
      const asked = {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: pod, namespace },
        spec: { ...spec, containers },
      };
      const reply = await client.create(asked, { dryRun: true });
      expect(reply.message, JSON.stringify(seccompProfile)).toContain("ValidatingAdmissionPolicy");
    }
  });

  test("a node without the files runs nothing, and status says why", async () => {
    const { cluster, repository, steps } = stage();
    const one = life(python);
    const file = join(cluster.machine.path("kubelet/seccomp"), seccompFiles.python);
    const before = await one.watch.pod(one.namespace, one.pod);
    await steps.time(
      "no file on the node",
      "the pod does not start, and status names the profile; it does once the file is there",
      async () => {
        renameSync(file, `${file}.away`);
        try {
          await cluster.client.delete({
            apiVersion: "v1",
            kind: "Pod",
            metadata: { name: one.pod, namespace: one.namespace },
          });
          await one.until("status says why", async () => {
            const { stdout } = await repository.slipway("status", python, "--kubeconfig", cluster.kubeconfig);
            return /seccomp/.test(stdout);
          });
        } finally {
          renameSync(`${file}.away`, file);
        }
        await one.ready(before?.uid);
        await one.trading();
      },
    );
  });
}

async function profilesOf({ cluster }: Stage, { namespace, pod }: Life): Promise<readonly unknown[]> {
  const { object } = await cluster.client.get({ apiVersion: "v1", kind: "Pod", metadata: { name: pod, namespace } });
  return asObjects(asObject(object["spec"])["containers"]).map(
    ({ securityContext }) => asObject(asObject(securityContext)["seccompProfile"])["localhostProfile"],
  );
}
