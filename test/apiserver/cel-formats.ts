// The same of the texts that have a form: quantities, addresses, URLs, named formats. `cel-tables.ts` has all else.

/** A text that is not known before the expression runs, so that no compiler judges it. */
export function late(text: string): string {
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
