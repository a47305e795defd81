import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

// The contract is one in both languages: what the SDK's TypeScript names, its Python has, and the other way round.

const sdk = join(import.meta.dirname, "../../sdk");

/** Of an interface, what it has and what may be missing, those of its ancestors included. */
type Shape = Readonly<Record<string, "required" | "optional">>;

/** Of the SDK's source, which is formatted: an interface ends with a brace at the margin, its members are two spaces in. */
function interfaces(): ReadonlyMap<string, Shape> {
  const text = readFileSync(join(sdk, "typescript/index.ts"), "utf8");
  const declared = new Map<string, { readonly parent: string; readonly own: Shape }>();
  for (const [, name = "", parent = "", body = ""] of text.matchAll(
    /^export interface (\w+)(?: extends (\w+))? \{\n(.*?)^\}/gms,
  )) {
    const own = [...body.matchAll(/^ {2}(?:readonly )?(\w+)(\??)[:(]/gm)].map(
      ([, member = "", optional]): [string, Shape[string]] => [member, optional === "?" ? "optional" : "required"],
    );
    declared.set(name, { parent, own: Object.fromEntries(own) });
  }
  const whole = (name: string): Shape => {
    const found = declared.get(name);
    return found === undefined ? {} : { ...whole(found.parent), ...found.own };
  };
  return new Map([...declared.keys()].map((name) => [name, whole(name)]));
}

function python<Value>(source: string): Value {
  const output = execFileSync("python3", ["-c", source], {
    env: { PATH: process.env["PATH"], PYTHONPATH: join(sdk, "python"), PYTHONDONTWRITEBYTECODE: "1" },
    encoding: "utf8",
  });
  return JSON.parse(output);
}

const typescript = interfaces();

describe("a dictionary has the fields of the interface of its name", () => {
  const shapes = python<Readonly<Record<string, Shape>>>(`
import json, typing
import slipway.shapes as shapes
public = {name: value for name, value in vars(shapes).items() if typing.is_typeddict(value) and not name.startswith("_")}
print(json.dumps({name: {**{key: "required" for key in value.__required_keys__}, **{key: "optional" for key in value.__optional_keys__}} for name, value in public.items()}))
`);
  const named = Object.keys(shapes).filter((name) => name !== "Reason");

  test("every one of them", () => {
    const things = [
      "Algorithm",
      "Context",
      "Guard",
      "Indicators",
      "PortfolioView",
      "RunningIndicator",
      "Sizing",
      "Slot",
    ];
    expect(named.sort()).toEqual([...typescript.keys()].filter((name) => !things.includes(name)).sort());
  });

  test.each(named)("%s", (name) => {
    expect(shapes[name]).toEqual(typescript.get(name));
  });
});

/** `onOrder` is `on_order`. */
const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

describe("what an algorithm is given has the methods of the interface of its name", () => {
  const members = python<Readonly<Record<string, readonly string[]>>>(`
import json
from slipway import Context, Indicators, SlotContext
context = Context({}, "paper", 0)
things = {"Context": context, "PortfolioView": context.portfolio, "Indicators": Indicators(), "RunningIndicator": Indicators().sma("x", 2), "SlotContext": SlotContext(context), "SlotPortfolio": SlotContext(context).portfolio}
print(json.dumps({name: [member for member in dir(thing) if not member.startswith("_")] for name, thing in things.items()}))
`);

  test.each(["Context", "PortfolioView", "Indicators", "RunningIndicator"])("%s", (name) => {
    expect(members[name]).toEqual(expect.arrayContaining(Object.keys(typescript.get(name) ?? {}).map(snake)));
  });

  test("and a sizing or a guard gets all but timers and the sizing itself", () => {
    const context = Object.keys(typescript.get("Context") ?? {}).filter((name) => name !== "every");
    expect([...(members["SlotContext"] ?? [])].sort()).toEqual(context.sort());
    const portfolio = Object.keys(typescript.get("PortfolioView") ?? {}).filter((name) => name !== "optimize");
    expect([...(members["SlotPortfolio"] ?? [])].sort()).toEqual(portfolio.sort());
  });
});

test("the hooks are the same", () => {
  const hooks = python<readonly string[]>("import json; from slipway.calls import HOOKS; print(json.dumps(HOOKS))");
  const all = Object.keys(typescript.get("Algorithm") ?? {}).map(snake);
  expect([...hooks, "describe", "initialize", "event"].sort()).toEqual(all.sort());
});

test("shapes are loaded when they are asked for, and are no base of anything that is searched for an algorithm", () => {
  const said = python<readonly unknown[]>(`
import json, sys
import slipway
before = "slipway.shapes" in sys.modules
from slipway import Quote, Decisions
try:
    slipway.Nothing
except AttributeError as thrown:
    print(json.dumps([before, Quote(sid="A")["sid"], str(thrown)]))
`);
  expect(said).toEqual([false, "A", "slipway has no Nothing"]);
});
