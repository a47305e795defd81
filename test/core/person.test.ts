import { describe, expect, test } from "vitest";
import { maySame, skeleton } from "#core/person.ts";

const person = (name: string, email?: string) => ({ name, email });

describe("may be one person", () => {
  test.each([
    ["the same name", person("bob"), person("bob", "bob@example.test")],
    ["another case", person("Bob"), person("bob")],
    ["with an @", person("@bob"), person("bob")],
    ["the same address under another name", person("bob", "b@x.test"), person("carol", "B@X.test")],
    ["an address with a tag", person("bob", "b+2@x.test"), person("carol", "b@x.test")],
    ["an address for a name", person("b@x.test"), person("bob", "b@x.test")],
    ["Cyrillic letters", person("аlісе"), person("alice")],
    ["Greek letters", person("bοb"), person("bob")],
    ["full width", person("ａｌｉｃｅ"), person("alice")],
    ["accents", person("álice"), person("alice")],
    ["a digit for a letter", person("a1ice"), person("alice")],
    ["a capital I for a small l", person("aIice"), person("alice")],
    ["rn for m", person("rnary"), person("mary")],
    ["a dot, a space, a hyphen", person("bob.smith"), person("Bob  Smi-th")],
    ["an invisible joiner", person("bo\u200db"), person("bob")],
  ])("%s", (_name, a, b) => {
    expect([maySame(a, b, new Set()), maySame(b, a, new Set())]).toEqual([true, true]);
  });
});

describe("are two", () => {
  test.each([
    ["other names and addresses", person("bob", "bob@x.test"), person("carol", "carol@x.test")],
    ["no address on either side", person("bob"), person("carol")],
    ["the same name before other hosts", person("bob", "me@x.test"), person("carol", "me@y.test")],
    ["names in another script", person("王伟"), person("李娜")],
  ])("%s", (_name, a, b) => {
    expect(maySame(a, b, new Set())).toBe(false);
  });

  test("people whom the policies name, however alike; not one who only looks like them", () => {
    const known = new Set(["bil", "bll"]);
    expect(maySame(person("bil"), person("bll"), known)).toBe(false);
    expect(maySame(person("bil"), person("bіl"), known)).toBe(true);
    expect(maySame(person("bil", "same@x.test"), person("bll", "same@x.test"), known)).toBe(true);
  });
});

test("a skeleton keeps what tells people apart", () => {
  expect(["Jürgen Müller", "jurgen.muller", "José", "王伟"].map(skeleton)).toEqual([
    skeleton("jurgenmuller"),
    skeleton("jurgenmuller"),
    skeleton("jose"),
    "王伟",
  ]);
});
