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

/** A text that is not known before the expression runs, so that no compiler judges it. */
function late(text: string): string {
  return `(object.yes ? ${JSON.stringify(text)} : '')`;
}

const quantityTexts = (
  "0 1 -1 +1 1.5 1.5Gi 1Gi 1Mi 500m 0.5 1e3 1E3 1e-3 1E 1k 1K 1Ki 1. 1.G .5 -.5 abc 1i 1mi 100m 1000m 1.0 1.000 0.1m " +
  "0.0000000001 1n 1u 9223372036854775807 9223372036854775808 -9223372036854775808 9Ei 8Ei 7Ei 16Ei 1e18 1e19 1e30 " +
  "1e100 1E10 00001 0.00 0Gi -1.5Gi 1.1Mi 0.5Mi 1.25Ki 12345678901234567890 1234567890123456789m 123456789012345678 " +
  "999999999999999999 1P 1e e3 1e+3 1e+-3 0x10 1_000 1,000 100000000000000000000n 0.1 0.01Ki 3.0Ki +0 -0 1e0 1.5e1 " +
  "1.5e-1 2.5E2 +. - . k Gi"
)
  .split(" ")
  .concat(["", "1 ", "1G i", "١"]);

export function quantities(): readonly string[] {
  const few = "0 1 -1 1.5 1Gi 500m 1e3 9223372036854775807 1e30 0.1 1n 1.5Gi 100k -3.3".split(" ");
  return [
    ...quantityTexts.flatMap((text) => {
      const quantity = `quantity(${late(text)})`;
      return [
        `isQuantity(${JSON.stringify(text)})`,
        `${quantity}.asApproximateFloat()`,
        `${quantity}.isInteger()`,
        `${quantity}.asInteger()`,
        `sign(${quantity})`,
        `${quantity}.compareTo(quantity('1'))`,
        `${quantity} == quantity('1Gi')`,
      ];
    }),
    ...few.flatMap((a) =>
      few.flatMap((b) => [
        `quantity('${a}').compareTo(quantity('${b}'))`,
        `quantity('${a}').isLessThan(quantity('${b}'))`,
        `quantity('${a}').isGreaterThan(quantity('${b}'))`,
        `quantity('${a}').add(quantity('${b}')).asApproximateFloat()`,
        `quantity('${a}').sub(quantity('${b}')).isInteger()`,
        `quantity('${a}').sub(quantity('${b}')).compareTo(quantity('0'))`,
        `quantity('${a}').add(quantity('${b}')).asInteger()`,
      ]),
    ),
    ...few.flatMap((a) => [
      `quantity('${a}').add(5).asApproximateFloat()`,
      `quantity('${a}').sub(-7).asInteger()`,
      `quantity('${a}').add(9223372036854775807).isInteger()`,
    ]),
  ];
}

export function addresses(): readonly string[] {
  const ips = (
    "1.2.3.4 0.0.0.0 255.255.255.255 256.1.1.1 1.2.3 1.2.3.4.5 01.2.3.4 1.2.3.04 :: ::1 1:: fe80::1 fe80::1%eth0 ff02::1 " +
    "ff00::1 ff12::1 ff22::2 febf::1 fec0::1 2001:db8::68 2001:DB8:0:0:0:0:0:68 2001:db8:0:0:1:0:0:1 ::ffff:1.2.3.4 " +
    "::1.2.3.4 1:2:3:4:5:6:7:8 1:2:3:4:5:6:7:8:9 1:2:3:4:5:6:7 1:2:3:4:5:6:7:: ::2:3:4:5:6:7:8 1::2::3 12345:: 127.0.0.1 " +
    "127.255.0.1 169.254.1.1 224.0.0.1 224.0.1.1 239.1.1.1 10.0.0.1 abc ::g 1:2:3:4:5:6:1.2.3.4 1:2:3:4:5:6:7:1.2.3.4 " +
    "0:0:0:0:0:0:0:0 1:0:0:2:0:0:0:3 :1 1: ::: 1.2.3.-4 ::ffff:0:0 64:ff9b::1.2.3.4 1.2.3.4:80 [::1]"
  )
    .split(" ")
    .concat(["", "1.2.3.4 "]);
  const networks = (
    "10.0.0.0/8 10.1.2.3/8 0.0.0.0/0 1.2.3.4/32 1.2.3.4/33 1.2.3.4/ 1.2.3.4/-1 1.2.3.4/08 1.2.3.4/+8 ::/0 2001:db8::/32 " +
    "2001:db8::1/128 ::1/129 fe80::1%eth0/64 ::ffff:1.2.3.4/96 10.0.0.0 /8 192.168.1.7/24 192.168.0.0/16 1.2.3.4/8/8 " +
    "10.0.0.0/1 10.0.0.0/31"
  ).split(" ");
  return [
    ...ips.flatMap((text) => [
      `isIP(${JSON.stringify(text)})`,
      `ip.isCanonical${late(text)}`,
      `ip${late(text)}.family()`,
      `string(ip${late(text)})`,
      `[ip${late(text)}].map(x, [x.isUnspecified(), x.isLoopback(), x.isLinkLocalMulticast()])`,
      `[ip${late(text)}].map(x, [x.isLinkLocalUnicast(), x.isGlobalUnicast()])`,
      `ip${late(text)} == ip('1.2.3.4')`,
    ]),
    ...networks.flatMap((text) => {
      const cidr = `cidr${late(text)}`;
      return [
        `isCIDR(${JSON.stringify(text)})`,
        `string(${cidr})`,
        `string(${cidr}.masked())`,
        `${cidr}.prefixLength()`,
        `string(${cidr}.ip())`,
        `${cidr}.containsIP('10.1.2.3')`,
        `${cidr}.containsIP(ip('2001:db8::1'))`,
        `${cidr}.containsCIDR('10.0.0.0/8')`,
        `${cidr}.containsCIDR(cidr('192.168.1.0/24'))`,
        `${cidr} == cidr('10.0.0.0/8')`,
        `${cidr} == ${cidr}.masked()`,
      ];
    }),
  ];
}

export function urls(): readonly string[] {
  const texts = [
    ..."https://example.com:80/ https://example.com https://user:pw@example.com:8080/p/a?k=v&k=w&x#frag /abs/path rel/path".split(
      " ",
    ),
    ..."://x http:// http:///x https://[::1]:80/ https://[fe80::1%25eth0]/ https://[::1 https://[1.2.3.4]/ /a?b#c".split(
      " ",
    ),
    ..."https://example.com/a%20b https://example.com/a%zz https://example.com/?a=%zz&b=1 https://example.com/?a;b&c".split(
      " ",
    ),
    ..."https://exa%6dple.com/ https://ex%C3%A4mple.com/ https://exämple.com/ü mailto:x@y.z HTTP://Example.COM/Q * x:y?z#w".split(
      " ",
    ),
    ..."https://example.com:port/ https://example.com:/ https://example.com?q https://example.com/? https://example.com/??".split(
      " ",
    ),
    ..."https://example.com/a?b?c https://example.com/a#b#c https://example.com/%2f/a https://example.com/[x] http:opaque".split(
      " ",
    ),
    ..."https://example.com/a!b'c(d)* ftp://a@b@c/ 1http://x h+t-p.1://x //host/path ///path ftp://a:b:1/ https://x/<y>".split(
      " ",
    ),
    ..."https://x<y>/ https://example.com/?a=b=c&d=&=e&&f https://example.com/é?é=é https://a:b:c/".split(" "),
    "",
    "https://a b/",
    "https://example.com/path with spaces/",
    "https://example.com/?k 1=v 1",
    "https://us er@x/",
    "https://x\ty/",
    'https://x/a"b',
    "https://x/a^b|c",
  ];
  return texts.flatMap((text) => [
    `isURL(${JSON.stringify(text)})`,
    `[url${late(text)}].map(u, [u.getScheme(), u.getHost(), u.getHostname(), u.getPort(), u.getEscapedPath()])`,
    `url${late(text)}.getQuery()`,
    `url${late(text)} == url('https://example.com')`,
    `format.uri().validate(${JSON.stringify(text)}).hasValue()`,
  ]);
}

export function namedFormats(): readonly string[] {
  const names = (
    "dns1123Label dns1123Subdomain dns1035Label qualifiedName dns1123LabelPrefix dns1123SubdomainPrefix " +
    "dns1035LabelPrefix labelValue uuid byte date datetime"
  ).split(" ");
  const texts = (
    "abc a.b A a-b -a a- 1a a_b x/y /y x/ a/b/c example.com/MyName a..b é 550e8400-e29b-41d4-a716-446655440000 " +
    "550E8400e29b41d4a716446655440000 aGVsbG8= aGVsbG8 aGVs 2020-02-29 2021-02-29 2020-13-01 0000-01-01 2020-1-1 " +
    "2020-01-01T00:00:00Z 2020-01-01t23:59:59.5+02:00 2020-01-01T24:00:00Z 2020-01-01T00:00:60Z 2020-01-01T00:00:00 x- a.b- ab- -"
  )
    .split(" ")
    .concat([
      "",
      "a".repeat(63),
      "a".repeat(64),
      `${"a.".repeat(126)}a`,
      `${"a.".repeat(127)}a`,
      "a\n",
      "2020-01-01 00:00:00Z",
    ]);
  return [
    ...names.flatMap((name) => texts.map((text) => `format.${name}().validate(${JSON.stringify(text)}).orValue([])`)),
    "format.named('dns1123Label').value().validate('A').value()[0]",
    "format.named('nope').hasValue()",
    "format.dns1123Label() == format.dns1035Label()",
    "format.dns1123Label().validate('a').value()",
    "format.nope()",
  ];
}

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
