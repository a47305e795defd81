import { describe, expect, test } from "vitest";
import { compileExpression, type Declarations, type ExpressionFaultCode, type TypeShape } from "#core/cel/compile.ts";

const spec: TypeShape = {
  object: {
    name: "string",
    replicas: "int",
    share: "double",
    enabled: "bool",
    labels: { map: "string" },
    limits: { object: { instruments: { list: "string" }, maxOrderNotional: "string" } },
  },
};
const declarations: Declarations = {
  variables: new Map<string, TypeShape>([
    ["spec", spec],
    ["object", "dyn"],
  ]),
};

/** A mark stands before the place that the fault must name. */
const mark = "¦";

/** The fault that is first in the text, and where it ought to be. */
function firstFault(marked: string, want: "bool" | "string" | "dyn" = "dyn") {
  const text = marked.replace(mark, "");
  const before = marked.slice(0, marked.indexOf(mark)).split("\n");
  const program = compileExpression(text, declarations, want);
  const faults = program.ok ? [] : [...program.error].sort((a, b) => a.offset - b.offset);
  return { fault: faults[0], line: before.length, column: (before.at(-1) ?? "").length + 1 };
}

function expectFault(marked: string, code: ExpressionFaultCode, want?: "bool" | "string" | "dyn"): void {
  const { fault, line, column } = firstFault(marked, want);
  expect({ code: fault?.code, line: fault?.line, column: fault?.column }).toEqual({ code, line, column });
  expect(fault?.offset).toBe(marked.indexOf(mark));
}

describe("outside the profile", () => {
  test.each([
    "object¦.?labels",
    "object.metadata¦.?labels.orValue({})",
    "object¦[?'labels']",
    "object.list¦[?0]",
    "[¦?object.a]",
    "[1, ¦?object.a]",
    "{¦?'a': object.a}",
    "{'b': 1, ¦?'a': object.a}",
    "¦optional.of(1)",
    "¦optional.none()",
    "¦optional.ofNonZeroValue(spec.name)",
    "object.x.¦optMap(v, v + 1)",
    "object.x.¦optFlatMap(v, v)",
    "object.x.¦or(object.y)",
    "object.¦`dashed-name`",
    "object.metadata.labels.¦`app.kubernetes.io/name` == 'x'",
    "¦.spec.name",
    "spec.name == ¦.object.name",
    "¦Message{field: 1}",
    "¦google.protobuf.Duration{seconds: 1}",
    "¦google.protobuf.Timestamp",
    "object == ¦k8s.io.api.Pod{}",
    "¦__result__ == 1",
    "object.list.¦all(i, v, i < v)",
    "object.list.¦exists(i, v, i < v)",
    "object.list.¦exists_one(i, v, i < v)",
    "object.list.¦existsOne(i, v, i < v)",
    "object.list.¦existsOne(x, x == 1)",
    "object.list.¦transformList(i, v, i + v)",
    "object.list.¦transformList(i, v, i > 0, i + v)",
    "object.map.¦transformMap(k, v, k + v)",
    "object.map.¦transformMap(k, v, k != '', k + v)",
    "object.map.¦transformMapEntry(k, v, {v: k})",
    "¦semver('1.0.0')",
    "¦isSemver('1.0.0')",
    "object.v.¦major()",
    "object.v.¦minor()",
    "object.v.¦patch()",
    "¦authorizer.group('').resource('pods').check('create').allowed()",
    "object.a.¦path('/healthz')",
    "object.a.¦serviceAccount('ns', 'sa')",
    "object.a.¦subresource('status')",
    "object.a.¦fieldSelector('a=b')",
    "object.a.¦labelSelector('a=b')",
    "object.a.¦allowed()",
    "object.a.¦errored()",
    "object.list.¦sort()",
    "object.list.¦sortBy(x, x.name)",
    "object.list.¦reverse()",
    "spec.name.¦reverse()",
    "object.list.¦distinct()",
    "object.list.¦flatten()",
    "object.list.¦flatten(2)",
    "object.list.¦slice(0, 1)",
    "object.list.¦first()",
    "object.list.¦last()",
    "¦lists.range(3)",
    "¦math.greatest(1, 2)",
    "¦math.least([1, 2])",
    "¦math.ceil(spec.share)",
    "¦math.bitAnd(1, 2)",
    "¦base64.encode(b'a')",
    "¦base64.decode('YQ==')",
    "¦cel.bind(x, 1, x + 1)",
    "¦proto.getExt(object, a.b)",
    "¦regex.replace('a', 'b', 'c')",
    "¦jsonpatch.escapeKey('a/b')",
    "¦net.isIP('::')",
    "timestamp('2026-01-31T12:00:00Z').getHours(¦'Europe/Berlin')",
    "timestamp('2026-01-31T12:00:00Z').getDate(¦'America/New_York') == 1",
    "[type(spec.name)].all(t, t == string) || [string, int].exists(t, t == int)".replace("[type", "¦[type"),
    "spec.replicas == 1 &&\n  spec.name == 'a' &&\n  ¦optional.of(1).hasValue()",
    "spec.labels.all(k,\n\tspec.labels¦[?k] != 'a')",
    "// héllo 😀\nobject¦.?a",
    "'😀' + object¦.?a",
  ])("%s", (text) => expectFault(text, "outside-profile"));

  test("each says what to write instead", () => {
    expect(firstFault("object¦.?labels").fault?.fix).toBe("ask with has(a.b) first, then write a.b");
    expect(firstFault("object.list.¦existsOne(x, x == 1)").fault?.fix).toBe("write exists_one");
  });
});

describe("no CEL", () => {
  test.each([
    "spec.name ¦= 'a'",
    "spec.name == 'a' ¦& true",
    "spec.name == 'a' ¦| true",
    "spec.name ==¦",
    "(spec.name == 'a'¦",
    "spec.name == 'a'¦)",
    "spec.labels['a'¦",
    "spec.labels[¦]",
    "[1, 2¦",
    "[1,, ¦2]".replace("1,, ¦", "1,¦, "),
    "{'a': 1¦",
    "{'a' ¦1}",
    "{'a':¦}",
    "size(spec.name¦",
    "size(spec.name,¦)",
    "spec.¦",
    "spec¦.1",
    "spec.name ¦spec.name",
    "true ? 1¦",
    "true ? 1 :¦",
    "¦'abc",
    '¦"abc',
    "¦'''abc'",
    "'a¦\\q'",
    "'¦\\ud800'",
    "b'¦\\u0041'",
    "¦",
    "  ¦",
    "// nothing¦",
    "¦9223372036854775808",
    "¦-9223372036854775809",
    "¦18446744073709551616u",
    "1¦abc",
    "¦“abc”",
    "spec.name ¦; true",
    "¦if (spec.enabled) 1 else 2",
    "¦for == 1",
    "¦package.name",
    "¦namespace",
    "spec.¦in",
    "spec.limits.instruments.all(¦x.y, true)",
    "spec.limits.instruments.all(¦'x', true)",
    "has(¦spec)",
    "has(¦spec.labels['a'])",
    "has(¦1 + 1)",
    "spec.replicas ==\n  1 &&\n  ¦) ",
  ])("%s", (text) => expectFault(text, "syntax"));

  test("words of other languages come with advice", () => {
    expect(firstFault("spec.name ¦= 'a'").fault?.fix).toBe("write == to compare; there is no assignment");
    expect(firstFault("¦if (spec.enabled) 1 else 2").fault?.fix).toBe("write condition ? value : otherValue");
  });
});

describe("names and types", () => {
  test.each<readonly [string, ExpressionFaultCode, "bool" | "string" | "dyn", string | undefined]>([
    ["¦spce.name == 'a'", "unknown-variable", "bool", "write spec"],
    ["¦nothing", "unknown-variable", "dyn", "there are: spec, object"],
    ["spec.limits.instruments.all(x, ¦other == 'a')", "unknown-variable", "bool", "there are: spec, object, x"],
    ["spec.limits.instruments.all(x, true) && ¦x == 'a'", "unknown-variable", "bool", undefined],
    ["spec.limits.¦instrument.size() == 1", "unknown-field", "bool", "write instruments"],
    ["spec.¦nmae", "unknown-field", "dyn", "write name"],
    ["has(spec.¦replica)", "unknown-field", "bool", "write replicas"],
    ["spec[¦'replica']", "unknown-field", "dyn", "write replicas"],
    ["spec.name.¦first", "type", "dyn", undefined],
    ["spec.name.¦startWith('a')", "unknown-function", "bool", "write startsWith"],
    ["¦len(spec.name)", "unknown-function", "dyn", undefined],
    [
      "spec.replicas ¦== '1'",
      "type",
      "bool",
      "turn the text into a number with int(…) or double(…), or the number into text with string(…)",
    ],
    [
      "spec.replicas ¦< '1'",
      "type",
      "bool",
      "turn the text into a number with int(…) or double(…), or the number into text with string(…)",
    ],
    ["spec.replicas ¦+ 1.5 > 2.0", "type", "bool", "turn both into one type with int(…) or double(…)"],
    ["spec.name ¦+ 1", "type", "string", undefined],
    ["¦-spec.name", "type", "dyn", undefined],
    ["¦!spec.name", "type", "bool", undefined],
    [
      "quantity('1Gi') ¦< quantity('2Gi')",
      "type",
      "bool",
      "compare quantities with a.isLessThan(b), a.isGreaterThan(b) or a.compareTo(b)",
    ],
    ["quantity('1Gi').¦sign()", "type", "dyn", "write it as a function: sign(x)"],
    ["¦contains(spec.name, 'a')", "type", "bool", "write it as a method: x.contains(…)"],
    ["spec.name.¦contains(1)", "type", "bool", "it is declared as string.contains(string)"],
    ["¦size(1)", "type", "dyn", undefined],
    ["¦size()", "type", "dyn", undefined],
    ["¦has()", "type", "bool", undefined],
    ["spec.enabled && ¦spec.replicas", "type", "bool", undefined],
    ["¦spec.name ? 1 : 2", "type", "dyn", undefined],
    ["spec.enabled ? 1 : ¦'a'", "type", "dyn", "make them one type, with string(…), int(…) or double(…)"],
    ["[1, ¦'a']", "type", "dyn", undefined],
    ["[spec.name, ¦object.name]", "type", "dyn", undefined],
    ["{'a': 1, 'b': ¦'c'}", "type", "dyn", undefined],
    ["{'a': 1, ¦2: 3}", "type", "dyn", undefined],
    ["{'a': 1, ¦'a': 2}", "type", "dyn", "keep one"],
    ["{¦1.5: 'a'}", "type", "dyn", undefined],
    ["¦spec.name.all(x, true)", "type", "bool", undefined],
    ["spec.labels.all(k, ¦k)", "type", "bool", undefined],
    ["spec.limits.instruments.map(x, ¦x, 1)", "type", "dyn", undefined],
    ["¦spec.replicas", "type", "bool", undefined],
    ["¦object.enabled", "type", "bool", "compare it: … == true"],
    ["¦object.name", "type", "string", "convert it: string(…)"],
    ["¦spec.enabled", "type", "string", undefined],
    ["spec.name.matches(¦'(')", "invalid-literal", "bool", undefined],
    ["spec.name.matches(¦'(?=a)')", "invalid-literal", "bool", undefined],
    ["spec.name.find(¦'a{2000}') == ''", "invalid-literal", "bool", undefined],
    ["duration(¦'1 hour') > duration('1s')", "invalid-literal", "bool", undefined],
    ["timestamp(¦'today')", "invalid-literal", "dyn", undefined],
    ["quantity(¦'1 Gi')", "invalid-literal", "dyn", undefined],
    ["ip(¦'localhost')", "invalid-literal", "dyn", undefined],
    ["cidr(¦'10.0.0.0')", "invalid-literal", "dyn", undefined],
    ["cidr('10.0.0.0/8').containsIP(¦'10.0.0.256')", "invalid-literal", "bool", undefined],
    ["url(¦'example.com')", "invalid-literal", "dyn", undefined],
    ["¦int('a') == 1", "invalid-literal", "bool", undefined],
    ["true || ¦int('a') == 1", "invalid-literal", "bool", undefined],
    ["'%d'.format([¦'a'])", "invalid-literal", "string", undefined],
    ["¦'%y'.format([1])", "invalid-literal", "string", undefined],
    ["'%s %s'.format(¦[1])", "invalid-literal", "string", undefined],
    ["'%s'.format(¦[1, 2])", "invalid-literal", "string", undefined],
  ])("%s is a %s fault", (text, code, want, fix) => {
    expectFault(text, code, want);
    if (fix !== undefined) expect(firstFault(text, want).fault?.fix).toBe(fix);
  });

  test("every mistake is reported, once", () => {
    const text = "spec.nmae == 'a' && spec.replicas == '1' && foo.bar.baz == spec.lables.x";
    const program = compileExpression(text, declarations, "bool");
    const faults = program.ok ? [] : program.error;
    expect(faults.map(({ code, offset, length }) => [code, text.slice(offset, offset + length)])).toEqual([
      ["unknown-field", "nmae"],
      ["type", "="],
      ["unknown-variable", "foo"],
      ["unknown-field", "lables"],
    ]);
  });

  test("what Kubernetes accepts for its types is accepted", () => {
    for (const text of [
      "spec.limits.instruments == []",
      "object.a == 1 || object.a == 'x' || object.a == null",
      "spec.replicas > 0.5",
      "spec.labels == {}",
      "duration('1s') == null",
      "object[object.key] in object",
      "'%s %d'.format(['a', 1]) == ''",
      "[[], [1]].size() == 1",
      "(spec.enabled ? object.a : 1) == 1",
      "spec.limits.instruments.map(x, [x]).all(x, x[0] == 'a')",
    ]) {
      const program = compileExpression(text, declarations, "bool");
      expect([text, program.ok || program.error]).toEqual([text, true]);
    }
  });
});
