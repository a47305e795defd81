// What runs in the child process of `describe.ts`: it reads an algorithm from its input, asks it to describe itself, and writes one line of JSON,
// `{"described": …}`, `{"none": true}`, `{"absent": "<package>"}` or `{"failed": "…"}`. With a `start` it calls `initialize()` instead, and the line is
// `{"channels": …}`; with `slots` (of each `[name, file, method]`) it looks for the code of sizing and guard as the executor would, and the line is
// `{"found": {<name>: <how many, null where it cannot be told>}}`. The line is as untrusted as the algorithm.

/**
 * For Node, which reads `{source, start, slots}`. What the process could reach is taken away before the algorithm is loaded; the permission model, the limits of
 * `describe.ts` and the missing network hold where this does not.
 */
export const nodeProgram = `
import { readFileSync, writeSync } from "node:fs";
const { source, start, slots } = JSON.parse(readFileSync(0, "utf8"));
const { exit } = process;
const encoded = Buffer.from(source).toString("base64");
const say = (answer) => { writeSync(1, JSON.stringify(answer)); exit(0); };
const refuse = () => { throw new Error("an algorithm describes itself without clock, randomness and the outside"); };
const fixed = class extends Date { constructor(...given) { super(...(given.length === 0 ? [0] : given)); } static now() { return 0; } };
for (const name of ["process", "fetch", "WebSocket", "EventSource", "XMLHttpRequest", "Worker", "BroadcastChannel", "MessageChannel", "navigator", "crypto", "performance", "setInterval", "setImmediate", "setTimeout", "gc"]) Reflect.deleteProperty(globalThis, name);
for (const name of ["log", "info", "debug", "warn", "error", "trace", "table", "dir"]) console[name] = () => {};
globalThis.Date = fixed;
Math.random = refuse;
// Answers itself to everything, and becomes no text: what is made of it is no channel.
const anything = new Proxy(() => {}, { get: (_, key) => (key === "then" ? undefined : anything), apply: () => anything, construct: () => anything });
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const context = () => ({ params: start.params, mode: start.mode, clock: { now: () => 0 }, random: refuse, log: silent, every() {}, portfolio: anything, indicators: anything });
const tell = (thrown) => {
  const text = thrown instanceof Error ? thrown.name + ": " + thrown.message : "threw " + String(thrown);
  return { failed: text.slice(0, 500) };
};
try {
  let all;
  try {
    all = await import("data:text/javascript;base64," + encoded);
  } catch (thrown) {
    const missing = thrown?.code === "ERR_UNSUPPORTED_RESOLVE_REQUEST" || thrown?.code === "ERR_MODULE_NOT_FOUND";
    if (missing) say({ absent: "a package of the runtime" });
    throw thrown;
  }
  const made = (exported) => (typeof exported === "function" ? new exported() : exported);
  const has = (exported, method) => {
    if (typeof exported?.prototype?.[method] === "function") return 1;
    // No class, so there is nothing to make of it.
    if (typeof exported === "function" && exported.prototype === undefined) return 0;
    try {
      const instance = made(exported);
      return typeof instance === "object" && typeof instance?.[method] === "function" ? 1 : 0;
    } catch {
      return null;
    }
  };
  if (slots !== null) say({ found: Object.fromEntries(slots.map(([name, , method]) => [name, has(all[name], method)])) });
  const instance = made(all.default);
  if (start !== null) say({ channels: await instance.initialize(start.params, context()) });
  const owner = typeof instance?.describe === "function" ? instance : instance?.constructor;
  if (typeof owner?.describe !== "function") say({ none: true });
  const described = await owner.describe();
  say({ described: described === undefined ? null : described });
} catch (thrown) {
  say(tell(thrown));
}
`;

/**
 * For Python, which reads `{entry, packages, files: {path: text}, start, slots}`. The folder's modules are loaded from memory; an audit hook refuses what leaves the
 * process. That is a fence for mistakes: what the machine can hold of the rest is up to \`describe.ts\`.
 */
export const pythonProgram = `
import importlib.abc, importlib.util, inspect, json, os, posixpath, sys, types
given = json.load(sys.stdin)
answer_to = os.dup(1)
# Where the standard library lies: the only files that it may open, and only to read.
roots = tuple(sorted({os.path.realpath(path) + os.sep for path in sys.path if path} | {os.path.dirname(os.path.realpath(os.__file__)) + os.sep}))
sys.path = [path for path in sys.path if path]

def say(answer):
    os.write(answer_to, json.dumps(answer, allow_nan=False).encode())
    os._exit(0)

refused = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.kill", "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown", "os.putenv", "shutil.", "ctypes.", "urllib.", "ftplib.", "smtplib.", "sqlite3.", "webbrowser.", "pty.", "signal.", "mmap.", "fcntl.", "tempfile.", "syslog.")

def audit(event, arguments):
    if event.startswith(refused):
        raise PermissionError("an algorithm describes itself without the outside: " + event)
    if event == "open":
        path, mode = arguments[0], arguments[1]
        inside = isinstance(path, str) and os.path.realpath(path).startswith(roots)
        if not inside or (isinstance(mode, str) and mode.strip("rbtU")):
            raise PermissionError("an algorithm describes itself without files: " + str(path))

class Folder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self, files, root):
        self.files, self.root = files, root
    def find_spec(self, name, path=None, target=None):
        stem = posixpath.join(self.root, *name.split("."))
        for file, package in ((stem + ".py", False), (stem + "/__init__.py", True)):
            if file in self.files:
                return importlib.util.spec_from_loader(name, self, origin=file, is_package=package)
        return None
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        file = module.__spec__.origin
        exec(compile(self.files[file], file, "exec"), module.__dict__)

entry = given["entry"]
sys.meta_path.insert(0, Folder(given["files"], posixpath.dirname(entry)))
class Anything:
    """Answers itself to everything, and becomes no text: what is made of it is no channel."""
    def __init__(self, *given, **named):
        pass
    def __getattr__(self, name):
        return Anything()
    def __call__(self, *given, **named):
        return Anything()
    def __getitem__(self, key):
        return Anything()
    def __str__(self):
        raise TypeError("nothing is known of this before the start")
    __repr__ = __str__

def classes(slot, file, wanted):
    """How many could be meant; one called as the slot is meant before the others."""
    folder = Folder(given["files"], posixpath.dirname(file))
    sys.meta_path.insert(0, folder)
    name = posixpath.splitext(posixpath.basename(file))[0]
    module = importlib.util.module_from_spec(folder.find_spec(name))
    sys.modules[name] = module
    module.__spec__.loader.exec_module(module)
    found = [value for value in vars(module).values() if inspect.isclass(value) and value.__module__ == name and callable(getattr(value, wanted, None))]
    return len([value for value in found if value.__name__ == slot.capitalize()] or found)

# Names of the SDK are for types only: describe() needs none of what they do.
kit = types.ModuleType("slipway")
kit.__path__ = []
kit.__getattr__ = lambda name: type(name, (Anything,), {})
sys.modules["slipway"] = kit
sys.stdout = sys.stderr = open(os.devnull, "w")
name = posixpath.splitext(posixpath.basename(entry))[0]
try:
    sys.addaudithook(audit)
    module = importlib.import_module(name)
    if given["slots"] is not None:
        say({"found": {slot: classes(slot, file, wanted) for slot, file, wanted in given["slots"]}})
    is_algorithm = lambda value: inspect.isclass(value) and callable(getattr(value, "initialize", None)) and callable(getattr(value, "event", None))
    found = getattr(module, "Algorithm", None)
    if not is_algorithm(found):
        all_found = [value for value in vars(module).values() if is_algorithm(value) and value.__module__ == name]
        found = all_found[0] if len(all_found) == 1 else None
    start = given["start"]
    if found is not None and start is not None:
        context = Anything()
        context.params, context.mode, context.random = start["params"], start["mode"], None
        call = found().initialize
        positional = [each for each in inspect.signature(call).parameters.values() if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
        variadic = any(each.kind == each.VAR_POSITIONAL for each in inspect.signature(call).parameters.values())
        channels = call(*[start["params"], context][: None if variadic else len(positional)])
        say({"channels": list(channels) if isinstance(channels, (list, tuple)) else None})
    if found is None or not callable(getattr(found, "describe", None)):
        say({"none": True})
    say({"described": found().describe()})
except ModuleNotFoundError as thrown:
    say({"absent": str(thrown.name)[:100]} if thrown.name in given["packages"] else {"failed": f"ModuleNotFoundError: {thrown}"[:500]})
except BaseException as thrown:
    say({"failed": f"{type(thrown).__name__}: {thrown}"[:500]})
`;
