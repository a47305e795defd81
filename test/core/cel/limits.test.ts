import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileExpression, type Declarations, type InputValue, type TypeShape } from "#core/cel/compile.ts";
import { costMax, depthMax, lengthMax } from "#core/cel/profile.ts";

const declarations: Declarations = {
  variables: new Map<string, TypeShape>([
    ["list", "dyn"],
    ["object", "dyn"],
    ["spec", { object: { name: "string", parts: { list: "int" } } }],
  ]),
};
const list = Array.from({ length: 3000 }, (_, index) => index);
const long = "a".repeat(100_000);
const variables: Readonly<Record<string, InputValue>> = {
  list,
  object: { text: long, map: Object.fromEntries(list.map((index) => [`k${index}`, index])) },
  spec: { name: "a", parts: [1, 2] },
};

function faultsOf(text: string) {
  const program = compileExpression(text, declarations, "dyn");
  return program.ok ? [] : program.error;
}

function evaluate(text: string) {
  const program = compileExpression(text, declarations, "dyn");
  if (!program.ok) throw new Error(program.error.map(({ message }) => message).join("; "));
  return program.value.evaluate(variables);
}

describe("too complex to be compiled", () => {
  test.each([
    ["10,000 nested groups", `${"(".repeat(10_000)}1${")".repeat(10_000)}`],
    ["nested groups within the length", `${"(".repeat(2000)}1${")".repeat(2000)}`],
    ["nested lists", `${"[".repeat(2000)}${"]".repeat(2000)}`],
    ["nested maps", `${"{1:".repeat(1000)}1${"}".repeat(1000)}`],
    ["a chain of sums", `1${"+1".repeat(2000)}`],
    ["a chain of fields", `object${".a".repeat(2000)}`],
    ["a chain of calls", `list${".filter(x,true)".repeat(200)}`],
    ["a chain of choices", `${"true?1:".repeat(500)}1`],
  ])("%s", (_name, text) => {
    expect(faultsOf(text).map(({ code }) => code)).toEqual(["too-complex"]);
  });

  test("one step past each limit", () => {
    const chain = (terms: number) => `1${" + 1".repeat(terms - 1)}`;
    expect(faultsOf(chain(depthMax))).toEqual([]);
    expect(faultsOf(chain(depthMax + 1))).toMatchObject([{ code: "too-complex", offset: chain(depthMax).length + 1 }]);
    const padded = (length: number) => "true".padEnd(length);
    expect(faultsOf(padded(lengthMax))).toEqual([]);
    expect(faultsOf(padded(lengthMax + 1))).toMatchObject([{ code: "too-complex", offset: 0 }]);
  });

  test("what is long without being deep compiles", () => {
    expect(faultsOf(`true${" && true".repeat(500)}`)).toEqual([]);
    expect(faultsOf(`${"!".repeat(4000)}true`)).toEqual([]);
    expect(faultsOf(`[${"1,".repeat(2000)}1]`)).toEqual([]);
  });
});

describe("too expensive to be evaluated", () => {
  test.each([
    ["three nested loops", "list.all(a, list.all(b, list.all(c, true)))"],
    ["a loop that Kubernetes would not charge for", "list.all(a, list.all(b, list.filter(c, false) == []))"],
    ["a list that doubles", `[list]${".map(a, a + a)".repeat(40)}`],
    ["a text that doubles", `['xxxxxxxxxx']${".map(a, a + a)".repeat(60)}`],
    ["comparing lists that share their parts", `[1]${".map(a,[a,a])".repeat(30)} == [1]${".map(a,[a,a])".repeat(30)}`],
    ["comparing long lists", "list.all(a, [list, list, list] == [list, list, list])"],
    ["searching long lists", "list.all(a, list.all(b, !(-1 in list)))"],
    ["a long text, often", "list.all(a, list.all(b, object.text.size() > 0))"],
    ["comparing a long text, often", "list.all(a, list.all(b, object.text != string(a)))"],
    ["a regular expression on a long text", "list.all(a, object.text.matches('(a*)*b') || true)"],
    ["many matches", "list.all(a, object.text.findAll('a').size() > 0)"],
    ["a loop over keys", "list.all(a, object.map.all(k, true))"],
    ["sets", "sets.equivalent(list, list)"],
  ])("%s", (_name, text) => {
    expect(evaluate(text)).toMatchObject({ ok: false, error: { code: "cost-exceeded" } });
  });

  test("no operator absorbs it", () => {
    const runaway = "list.all(a, list.all(b, list.all(c, true)))";
    for (const text of [
      `${runaway} || true`,
      `true || ${runaway}`,
      `!${runaway}`,
      `[1].exists(x, ${runaway} || x == 1)`,
    ]) {
      const outcome = evaluate(text);
      expect([text, outcome.ok || outcome.error.code]).toEqual([
        text,
        text.startsWith("true") ? true : "cost-exceeded",
      ]);
    }
  });

  test("results that would never end are errors", () => {
    expect(evaluate(`[1]${".map(a,[a,a])".repeat(60)}`)).toMatchObject({ ok: false });
    expect(evaluate(`'%s'.format([[1]${".map(a,[a,a])".repeat(60)}])`)).toMatchObject({ ok: false });
    expect(evaluate("object.text.replace('a', object.text)")).toMatchObject({ ok: false });
    expect(evaluate(`['a']${".map(a,a.replace('a','aa'))".repeat(60)}`)).toMatchObject({ ok: false });
  });

  test("the bill is the same each time, and is Kubernetes'", () => {
    const program = compileExpression("list.filter(x, x % 2 == 0).map(x, x * 2).sum() > 0", declarations, "bool");
    const runs = [1, 2, 3].map(() => (program.ok ? program.value.run(variables).cost : 0));
    expect(runs).toEqual([51004, 51004, 51004]);
    expect(runs[0]).toBeLessThan(costMax);
  });

  test("variables nested too deeply are an error, whatever asks for them", () => {
    let deep: InputValue = 1;
    for (let level = 0; level < 5000; level += 1) deep = level % 2 === 0 ? [deep] : { a: deep };
    const program = compileExpression(`object${"[0].a".repeat(20)} == 1 || true`, declarations, "bool");
    const compared = compileExpression("object == object", declarations, "bool");
    expect(program.ok && program.value.evaluate({ object: deep })).toMatchObject({ ok: true });
    expect(compared.ok && compared.value.evaluate({ object: { x: deep } })).toMatchObject({ ok: false });
  });
});

describe("anything else", () => {
  const words = (
    "object list spec name parts x ( ) [ ] { } . , ? : + - * / % && || ! == != < > <= in 1 2.5 's' b'x' 7u null true .all( x, .map( " +
    ".filter( has( size( quantity( dyn( `q` \" ' \\ .? [? type( .format( '%s' string( [] {} 'a': 😀 @ ip( .join( // \n"
  ).split(" ");
  const soup = fc.array(fc.constantFrom(...words), { maxLength: 40 }).map((found) => found.join(" "));

  test("no text makes the compiler throw, and each fault lies in the text", () => {
    fc.assert(
      fc.property(fc.oneof(soup, fc.string(), fc.string({ unit: "binary" })), (text) => {
        for (const { offset, length, line, column, message } of faultsOf(text)) {
          expect(offset).toBeGreaterThanOrEqual(0);
          expect(offset).toBeLessThanOrEqual(text.length);
          expect(Math.min(length, line, column, message.length)).toBeGreaterThan(0);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("no value makes an evaluation throw, and the same gives the same", () => {
    const texts = [
      "object == list",
      "object.a.b[0] in list || object.size() > 1",
      "list.map(x, x + 1).filter(x, x > 0).exists(x, x == object)",
      "string(object) + '%s'.format([list])",
      "list.sum() + list.max()",
      "object",
    ].map((text) => compileExpression(text, declarations, "dyn"));
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        const given = { object: a, list: b } as Readonly<Record<string, InputValue>>;
        for (const program of texts) {
          expect(program.ok && program.value.evaluate(given)).toEqual(program.ok && program.value.evaluate(given));
        }
      }),
      { numRuns: 500 },
    );
  });

  test("keys of prototypes are keys like others", () => {
    const program = compileExpression(
      "has(object.constructor) || has(object.__proto__) || 'toString' in object",
      declarations,
      "bool",
    );
    expect(program.ok && program.value.evaluate({ object: {} })).toEqual({ ok: true, value: false });
    const own = JSON.parse('{"__proto__": {"a": 1}}') as InputValue;
    const read = compileExpression("object.__proto__.a", declarations, "dyn");
    expect(read.ok && read.value.evaluate({ object: own })).toEqual({ ok: true, value: 1 });
    const made = compileExpression("{'__proto__': {'a': 1}}", declarations, "dyn");
    const value = made.ok ? made.value.evaluate({}) : undefined;
    expect(JSON.stringify(value?.ok && value.value)).toBe('{"__proto__":{"a":1}}');
  });
});
