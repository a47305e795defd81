import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";

const sdk = join(import.meta.dirname, "../../sdk/python");

/** Uses whatever the SDK keeps something of: indicators, randomness, logs above their cap, sizing and guard, exceptions. */
const algorithm = `class Algorithm:
    def initialize(self, params, context):
        context.every(60, "minute")
        return ["quotes"]
    def event(self, data, context):
        average = context.indicators.sma(data["sid"], 10).update(float(data["quote"]))
        context.log.info(f"{data['seq']}: {average} {context.random()} {context.portfolio.optimize(data)}")
        if data["seq"] % 50 == 0:
            for line in range(300):
                context.log.warn(line)
        if data["seq"] % 7 == 0:
            raise ValueError(f"no {data['seq']}")
        return {"sid": data["sid"], "side": "buy", "quantity": "1"}
    def on_order(self, event, context): return []
    def on_timer(self, timer): return None
    def on_command(self, command): return None
    def snapshot(self): return {"some": "state"}
    def restore(self, state): pass
`;
const sizing = "class Sizing:\n    def optimize(self, wager, context):\n        return wager['most']\n";
const guard = `class Guard:
    def observe(self, data, context): context.indicators.ema(data["sid"], 5).update(float(data["quote"]))
    def check(self, order): return {"reason": "no"} if order["quantity"] == "2" else None
`;

/**
 * Prints, for each round of calls after the first three, how many blocks of memory more are in use than after the one before. In those the interpreter
 * fills caches of its own, some 200 blocks in one of them and none later.
 */
const counting = `import gc, json, sys
from slipway.health import Health
from slipway.server import Server

server = Server(sys.argv[1], "algorithm.py", Health())
bad = 0

def call(method, **params):
    global bad
    answer = json.loads(server.answer(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()))
    bad += "error" in answer
    return answer.get("result")

call("hello", protocol=3)
call("initialize", params={"starting_cash": "1000"}, mode="paper", seed=1, slots={"sizing": "sizing.py", "guard": "guard.py"})
seq = 0

def round_of(count):
    global seq
    for _ in range(count):
        seq += 1
        now = seq * 1_000
        sid = f"SYM{seq % 20}"
        held = {f"SYM{index}": f"{seq % 97}.5" for index in range(seq % 4)}
        orders = [{"clientOrderId": f"{seq:032x}", "sid": sid, "side": "buy", "quantity": "1", "filledQuantity": "0"}]
        portfolio = {"cash": str(seq), "equity": str(seq), "positions": held, "orders": orders[: seq % 2], "bet": "12.5"}
        at = {"now": now, "portfolio": portfolio}
        quote = {"v": 1, "type": "quote", "sid": sid, "venue": "v", "quote": f"{100 + seq % 50}.25", "session": f"s{seq}", "seq": seq, "ts": now}
        call("event", data=quote, **at)
        call("warm", data={**quote, "seq": 1}, **at)
        call("order", event={"clientOrderId": f"{seq:032x}", "status": "filled"}, **at)
        call("timer", timer={"name": "minute", "time": now}, **at)
        call("command", command={"id": f"c{seq}", "verb": "x", "arguments": {}}, **at)
        call("optimize", wager={"sid": sid, "price": "1", "most": "5"}, **at)
        call("check", order={"sid": sid, "side": "buy", "quantity": str(1 + seq % 2)}, **at)
        call(f"unknown-{seq}")
        server.answer(b"no request %d" % seq)
        if seq % 20 == 0:
            call("restore", state=call("snapshot"))

before, grown = 0, []
for _ in range(6):
    round_of(1_000)
    gc.collect()
    now = sys.getallocatedblocks()
    grown.append(now - before)
    before = now
print(json.dumps({"grown": grown[3:], "bad": bad}))
`;

test("a Python algorithm's process keeps nothing of the calls that it has answered", () => {
  const folder = mkdtempSync(join(tmpdir(), "python-memory-"));
  try {
    for (const [name, text] of Object.entries({ "algorithm.py": algorithm, "sizing.py": sizing, "guard.py": guard }))
      writeFileSync(join(folder, name), text);
    const output = execFileSync("python3", ["-c", counting, folder], {
      env: { PATH: process.env["PATH"], PYTHONPATH: sdk, PYTHONDONTWRITEBYTECODE: "1" },
      encoding: "utf8",
    });
    const { grown, bad } = JSON.parse(output) as { readonly grown: readonly number[]; readonly bad: number };
    // Of 6,000 rounds: an unknown method in each, and an exception in each seventh.
    expect(bad).toBe(6_000 + Math.floor(6_000 / 7));
    expect(grown).toHaveLength(3);
    // A block an event would be a thousand a round.
    for (const blocks of grown) expect(blocks).toBeLessThan(100);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 120_000);
