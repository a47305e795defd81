import { late } from "./cel-formats.ts";

// Boundary values of every function, for the comparison with Kubernetes' own CEL. Which texts are valid is not said here:
// Kubernetes says it.

/** What `spread` expressions may speak of. */
export const variables = {
  object: {
    list: [1, 2, 3],
    text: "hello",
    map: { k: "v" },
    ratio: 1.5,
    yes: true,
    empty: [],
    one: 1,
    mixed: [1, "a", 2.5],
    texts: ["b", "a", "ab"],
    nested: [[1], [2, 3]],
    nothing: null,
    map3: { k: "v", n: null, i: 1 },
  },
};

export function texts(): readonly string[] {
  const subjects = ["", "a", "héllo😀wörld", "aXbXc", "  x\t\n", "\u00a0x\u2003", "\u0085x\ufeff", "ÀÉabcZ", "aaa"].map(
    (text) => JSON.stringify(text),
  );
  return subjects.flatMap((text) => [
    ...[-1, 0, 1, 2, 5, 6, 11, 12, 13, 100].flatMap((at) => [
      `${text}.charAt(${at})`,
      `${text}.substring(${at})`,
      `${text}.substring(0, ${at})`,
      `${text}.substring(${at}, 3)`,
      `${text}.indexOf('a', ${at})`,
      `${text}.lastIndexOf('a', ${at})`,
      `${text}.indexOf('', ${at})`,
      `${text}.lastIndexOf('', ${at})`,
      `${text}.replace('a', 'bb', ${at})`,
      `${text}.split('X', ${at})`,
      `${text}.split('', ${at})`,
    ]),
    ..."indexOf('ö') lastIndexOf('a') lastIndexOf('') indexOf('') lowerAscii() upperAscii() trim() size() split('X') split('')"
      .split(" ")
      .map((call) => `${text}.${call}`),
    `${text}.replace('', '-')`,
    `${text}.replace('a', '')`,
    `${text}.replace('', '-', 2)`,
    `strings.quote(${text})`,
    `bytes(${text})`,
    `${text} + 'x'`,
    `${text} < 'b'`,
    `${text} >= ''`,
    `${text}.contains('')`,
    `${text}.matches('^.*$')`,
    `${text}.lastIndexOf('aa', 1)`,
    `'%s|%x'.format([${text}, ${text}])`,
    `'%s'.format([[${text}]])`,
  ]);
}

export function patterns(): readonly string[] {
  const found = [
    ..."a a* a+? [0-9]* [0-9]+ (a|b)+ ^a c$ (?i)abc (?m)^b$ (?s)a.b a.b \\bfoo\\b [[:alpha:]]+ \\p{L}+ \\pL \\p{Greek} [^a]".split(
      " ",
    ),
    ..."x{2} x{2,} x{0,1} (?P<n>a) (?<n>a) (?:a) \\d{4}-\\d{2} \\Qa.b\\E \\x61 \\x{1F600} 😀 . \\z \\A a{1000} a{1001} (a a)".split(
      " ",
    ),
    ..."[a a** a++ \\1 (?=a) (?!a) (?<=a) \\Z \\C [z-a] \\8 \\h (?z) *a + a|* x{2 x{,2} ] } \\pX [\\d\\s] [[:foo:]] \\B ()".split(
      " ",
    ),
    ..."(|a)* (a*)* (a*)+ (a|b|ab)*c \\u0061 \\cA \\e \\_ \\- [a-\\d] (?U)a+ (?i:A)b (?i)ſ (?i)k \\s \\w+ \\W [\\w.]+".split(
      " ",
    ),
    ..."^(?:[a-z]+)$ \\a \\07 \\123 [^\\n] (?-s). \\P{L} \\p{^L} [\\p{L}\\d]+ a{0} a{2}{3} (?i)[k-l] $ ^$ ^ b| \\p{Lu} \\p{Any}".split(
      " ",
    ),
    "",
  ].map((pattern) => `r'${pattern}'`);
  const subjects = ["", "abc", "aaa bbb", "123 abc 456", "héllo😀", "a\nb", "foo.bar", "2020-01-02", "AbC", "xxyy"].map(
    (text) => JSON.stringify(text),
  );
  return found.flatMap((pattern) => [
    ...subjects.flatMap((text) => [
      `${text}.find(object.yes ? ${pattern} : '')`,
      `${text}.findAll(object.yes ? ${pattern} : '')`,
      `${text}.matches(object.yes ? ${pattern} : '')`,
    ]),
    `'abc'.matches(${pattern})`,
    `'a b c'.findAll(${pattern}, 2)`,
    `matches('abc', ${pattern})`,
  ]);
}

export function conversions(): readonly string[] {
  const words = (
    "0 1 -1 +1 1.5 -0 9223372036854775807 9223372036854775808 -9223372036854775808 18446744073709551615 18446744073709551616 " +
    "1e3 1E-3 inf -Inf nan NaN +nan infinity 1_000 0x10 0b1 true TRUE True tRUE t f F 0.1e400 1e400 1e-400 .5 5. 1h 90m 1.5h " +
    "-1h30m 1d 1h1 100ns 1us 1µs 1ms 1s1s 2562047h47m16.854775807s 2562047h47m16.854775808s -2562047h47m16.854775808s " +
    "9223372036.854775808s 0.000000001s 0.0000000001s +5s 1.s .5s s 2009-02-13T23:31:30Z 2009-02-13T23:31:30.123456789Z " +
    "2009-02-13T23:31:30+02:00 2009-02-13T23:31:30-00:00 0001-01-01T00:00:00Z 0000-12-31T23:59:59Z 9999-12-31T23:59:59.999999999Z " +
    "9999-12-31T23:59:59-01:00 2020-02-30T00:00:00Z 2020-01-01T24:00:00Z 2020-01-01T23:60:00Z 2020-01-01T23:59:60Z " +
    "2020-01-01T00:00:00 2020-01-01t00:00:00z 2020-01-01T00:00:00+24:00 2020-01-01T00:00:00+25:00 2020-01-01T00:00:00.Z"
  )
    .split(" ")
    .concat(["", " 1", "1 ", "- 5s", "2020-01-01 00:00:00Z"]);
  const types = "int uint double bool duration timestamp string bytes".split(" ");
  const doubles = (
    "0.0 -0.0 1.5 -1.5 1e6 123456.0 1234567.0 0.0001 0.00001 1e21 1e20 1e300 -1e-300 9.223372036854775e18 9.223372036854776e18 " +
    "-9.223372036854776e18 1.8446744073709552e19 0.1 100000.0 123456789012345680.0 3.0e-5 5e-324 double('nan') double('inf')"
  ).split(" ");
  const ints =
    "0 1 -1 9223372036854775807 -9223372036854775808 253402300799 253402300800 -62135596800 -62135596801".split(" ");
  return [
    ...words.flatMap((word) => types.flatMap((type) => [`${type}${late(word)}`, `${type}(${JSON.stringify(word)})`])),
    ...doubles.flatMap((double) => {
      const later = `(object.yes ? ${double} : 0.0)`;
      return [
        `string${later}`,
        `int${later}`,
        `uint${later}`,
        `'%f %e %s %.3f'.format([${later}, ${later}, ${later}, ${later}])`,
        `'%s'.format([[${later}]])`,
      ];
    }),
    ...ints.flatMap((int) => [
      `double(${int})`,
      `uint(object.yes ? ${int} : 0)`,
      `string(${int})`,
      `timestamp(object.yes ? ${int} : 0)`,
      `'%d %x %o %b'.format([${int}, ${int}, ${int}, ${int}])`,
    ]),
    ..."b'\\xff' null dyn([1]) 1u [] {} type(1) object object.list object.nothing quantity('1') ip('::') url('/') cidr('::/0')"
      .split(" ")
      .flatMap((value) => [
        `type(${value})`,
        `string(dyn(${value}))`,
        `int(dyn(${value}))`,
        `'%s'.format([dyn(${value})])`,
      ]),
  ];
}

export function times(): readonly string[] {
  const moments = (
    "2009-02-13T23:31:30.123456789Z 0001-01-01T00:00:00Z 9999-12-31T23:59:59.999999999Z 2020-02-29T00:00:00Z " +
    "1969-12-31T23:59:59.5Z 2021-01-01T00:30:00+05:30"
  ).split(" ");
  const getters =
    "getFullYear getMonth getDayOfYear getDayOfMonth getDate getDayOfWeek getHours getMinutes getSeconds getMilliseconds".split(
      " ",
    );
  const zones = ["+02:00", "-05:30", "UTC", "", "02:00", "+2:00", "+25:00", "-00:00", "+00:60", "+14:00"];
  const spans = "1h -1h 90m 1.5s 0s 123456789ns 2562047h".split(" ");
  return [
    ...moments.flatMap((moment) => [
      ...getters.flatMap((get) => [
        `timestamp('${moment}').${get}()`,
        ...zones.map((zone) => `timestamp('${moment}').${get}(object.yes ? '${zone}' : '')`),
      ]),
      `timestamp('${moment}') + duration('1h')`,
      `timestamp('${moment}') - duration('1h')`,
      `duration('1h') + timestamp('${moment}')`,
      `timestamp('${moment}') - timestamp('2000-01-01T00:00:00Z')`,
      `timestamp('${moment}') < timestamp('2000-01-01T00:00:00Z')`,
      `string(timestamp('${moment}')) + string(int(timestamp('${moment}')))`,
    ]),
    ...spans.flatMap((span) => [
      ...getters.map((get) => `duration('${span}').${get}()`),
      `duration('${span}') + duration('${span}')`,
      `duration('2562047h') + duration('${span}')`,
      `duration('${span}') - duration('1s')`,
      `duration('${span}') < duration('1m')`,
      `-duration('${span}')`,
      `duration('${span}') * 2`,
      `string(duration('${span}'))`,
    ]),
  ];
}

export function lists(): readonly string[] {
  const found = [
    ..."[] [1] [1,2,3] [3,1,2] [1u,2u] [1.5,0.5] ['b','a'] [true,false] [b'a',b'b'] [duration('1s'),duration('1m')]".split(
      " ",
    ),
    ..."[timestamp('2020-01-01T00:00:00Z')] object.list object.empty object.mixed object.texts object.nested [null]".split(
      " ",
    ),
    ..."[[1],[2]] ['é','a'] [1.0,double('nan')] object.map object.text [9223372036854775807,1] [{},{}] {'a':1} {1:2}".split(
      " ",
    ),
  ];
  const calls = (
    "isSorted() sum() min() max() indexOf(1) indexOf(1.0) lastIndexOf(2) indexOf('a') indexOf(object.one) size() join() join('-') " +
    "lastIndexOf(object.text)"
  ).split(" ");
  return found.flatMap((list) => [
    ...calls.map((call) => `${list}.${call}`),
    `1 in ${list}`,
    `'a' in ${list}`,
    `object.one in ${list}`,
    `${list} == ${list}`,
    `${list} + ${list}`,
    `sets.contains(${list}, ${list})`,
    `sets.intersects(${list}, [])`,
    `sets.equivalent(${list}, ${list})`,
    `${list}[0]`,
    `${list}[object.one]`,
    `${list}[-1]`,
    `${list}[5]`,
    `${list}[dyn(1u)]`,
    `${list}[dyn(1.0)]`,
    `${list}['a']`,
    `${list}.map(x, x)`,
    `${list}.filter(x, x == x)`,
    `${list}.all(x, x != x)`,
    `${list}.exists(x, x == 1)`,
    `${list}.exists_one(x, x == 1)`,
    `${list}.map(x, 1 / (size([x]) - 1))`,
  ]);
}

/** Every operator on every pair of values, and every way in which errors and values meet in `&&`, `||` and `?:`. */
export function operators(): readonly string[] {
  const values = (
    "0 1 -1 9223372036854775807 -9223372036854775808 0u 1u 18446744073709551615u 0.0 1.0 -0.0 1.5 1e308 double('inf') " +
    "double('nan') dyn(1) dyn(1.0) dyn(1u) 9007199254740993 9007199254740992.0 'a' true null b'a' [1] object.one object.ratio"
  ).split(" ");
  const infix = ["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in"];
  const truths = ["true", "false", "object.yes", "object.none", "1/0 == 1", "dyn(1)", "object.text", "null"];
  return [
    ...values.flatMap((a) => [
      `-(${a})`,
      `!(${a})`,
      `--${a}`,
      ...values.flatMap((b) => infix.map((operator) => `${a} ${operator} ${b}`)),
    ]),
    ...truths.flatMap((a) => [
      `!${a}`,
      `!!${a}`,
      ...truths.flatMap((b) => [
        `${a} && ${b}`,
        `${a} || ${b}`,
        ...truths.flatMap((c) => [`${a} && ${b} || ${c}`, `${a} ? ${b} : ${c}`]),
      ]),
    ]),
  ];
}

/** Spellings: what is an expression and what is none. */
export function syntax(): readonly string[] {
  const words = [
    ..."1 01 0x1F 0X1F 0xg 1u 1U 0x1u 1. .5 1.5 1e5 1E+5 1e 1.e5 .5e-3 1_000 9223372036854775807 9223372036854775808".split(
      " ",
    ),
    ..."-9223372036854775808 -9223372036854775809 18446744073709551615u 18446744073709551616u -1u 'a' r'\\a' R'a' b'a' br'a' rb'a'".split(
      " ",
    ),
    ..."true True null nil in as if for namespace package a-b a.b 'a''b' 'a'+'b' ` @ # $ ; \\ int dyn size ()".split(
      " ",
    ),
    ...[
      "a",
      "b",
      "f",
      "n",
      "r",
      "t",
      "v",
      "?",
      "`",
      "x41",
      "X41",
      "101",
      "401",
      "8",
      "u0041",
      "U0001F600",
      "ud800",
      "U00110000",
      "q",
      "'",
      '"',
      "\\",
    ].flatMap((letter) => [`'\\${letter}'`, `b'\\${letter}'`, `r'\\${letter}'`, `"\\${letter}"`]),
    "b'\\xff'",
    "b'\\377'",
  ];
  return [
    ...words,
    ...[
      "'''a\n'b''c'''",
      '"""a\r\nb"""',
      "'a\nb'",
      "'''a'",
      '"a',
      "1 // end",
      "// start\n1",
      "1 /* no */",
      "1\t+\r\n\f2",
      "1 +\u00a02",
    ],
    ...[
      "[1,]",
      "[,]",
      "[1,,2]",
      "{'a': 1,}",
      "{,}",
      "size([1],)",
      "((1))",
      "- 1",
      "--1",
      "- -1",
      "---1",
      "!!true",
      "! !true",
      "!-1",
      "!!-1",
      "!!-1.5",
      "!!-x",
      "-!!true",
      "!- 1",
    ],
    ...[
      "-!true",
      "-(1)",
      "-1.5",
      "1-1",
      "1--1",
      "1 - -1",
      "1 < 2 < 3",
      "(1 < 2) == true",
      "1 < 2 == true",
      "true == 1 < 2",
    ],
    ...[
      "true || false && false",
      "false ? 1 : true ? 2 : 3",
      "true ? false ? 1 : 2 : 3",
      "true ? 1 : 2 + 3",
      "1 + 2 * 3 - 4 / 2 % 3",
    ],
    ...[
      "2 * 3 in [6]",
      "1 in [1] in [true]",
      "object.map.k",
      "object . map . k",
      "object.map['k'].size()",
      "object.in",
      "object.true",
    ],
    ...[
      "object.namespace",
      "object.for()",
      "object.map.package",
      "[1].all(x, x == 1)",
      "[1].all(x.y, true)",
      "[1].all(x)",
    ],
    ...["all([1], x, true)", "[1].map(x)", "[1].map(x, true, x)", "[1].map(x, true, x, x)", "[1].filter(x, true, x)"],
    ...[
      "[1].exists_one(1, true)",
      "has(object)",
      "has(object.map.k)",
      "has(object['map'])",
      "has(object.map.k.size())",
      "object.has(map)",
    ],
    ...[
      "has(object.map, object.map)",
      "has(has(object.map))",
      "string == type('a')",
      "[int, string]",
      "1 2",
      "1,2",
      "a ? b",
    ],
    ...[
      "size()",
      "size(1)(2)",
      "'a'.size",
      "object[0:1]",
      "x -> x",
      "object.list.all(object, object > 0)",
      "object.list.map(x, object.list.map(x, x))",
    ],
  ];
}

/** As deep and as long as they are accepted here. */
export function deep(): readonly string[] {
  const nest = (open: string, close: string, count: number, inner = "1") =>
    open.repeat(count) + inner + close.repeat(count);
  return [
    nest("(", ")", 63),
    nest("[", "]", 63),
    nest("{'a':", "}", 60),
    nest("size([", "])", 31),
    nest("!(", ")", 60, "true"),
    nest("[1].all(a,", ")", 60, "true"),
    `1${" + 1".repeat(63)}`,
    `${"true ? 1 : ".repeat(63)}1`,
    `object${".a".repeat(63)}`,
    `object${"[0]".repeat(60)}`,
    `[1]${".filter(x, true)".repeat(62)}`,
    `true${" && true".repeat(500)}`,
    `true${" || false".repeat(400)}`,
    `${"!".repeat(4000)}true`,
    `${"-".repeat(4000)}1`,
    `[${"1,".repeat(2000)}1]`,
    `'${"a".repeat(4094)}'`,
  ];
}
