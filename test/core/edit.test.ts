import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { setRunning } from "#core/edit.ts";

const edited = (text: string, environment = "paper", running = false): string | undefined => {
  const result = setRunning(text, environment, running);
  return result.ok ? result.value : undefined;
};

describe("setRunning", () => {
  test.each<[name: string, before: string, after: string]>([
    [
      "flow",
      "spec:\n  environments: { paper: { running: true } } # c\n",
      "spec:\n  environments: { paper: { running: false } } # c\n",
    ],
    [
      "block",
      "spec:\n  environments:\n    paper:\n      # why\n      running: true   # c\n      params: { a: 1 }\n",
      "spec:\n  environments:\n    paper:\n      # why\n      running: false   # c\n      params: { a: 1 }\n",
    ],
    [
      "already so",
      "spec:\n  environments: {paper: {running: false}}\n",
      "spec:\n  environments: {paper: {running: false}}\n",
    ],
    [
      "no running, flow",
      "spec:\n  environments: { paper: { params: {} } }\n",
      "spec:\n  environments: { paper: { running: false, params: {} } }\n",
    ],
    [
      "no running, block",
      "spec:\n  environments:\n    paper:\n      params: {}\n",
      "spec:\n  environments:\n    paper:\n      running: false\n      params: {}\n",
    ],
    [
      "an empty entry",
      "spec:\n  environments:\n    paper: {}\n",
      "spec:\n  environments:\n    paper: { running: false }\n",
    ],
    [
      "an entry without a value",
      "spec:\n  environments:\n    paper: # c\n    live: { running: true }\n",
      "spec:\n  environments:\n    paper: { running: false } # c\n    live: { running: true }\n",
    ],
    [
      "running without a value",
      "spec:\n  environments: { paper: { running: } }\n",
      "spec:\n  environments: { paper: { running: false } }\n",
    ],
    [
      "no entry, flow",
      "spec:\n  environments: { live: { running: true } }\n",
      "spec:\n  environments: { live: { running: true }, paper: { running: false } }\n",
    ],
    [
      "no entry, block",
      "spec:\n  environments:\n    live:\n      running: true # c\n  # later\n  owner: a\n",
      "spec:\n  environments:\n    live:\n      running: true # c\n    paper: { running: false }\n  # later\n  owner: a\n",
    ],
    ["an empty map", "spec:\n  environments: {}\n", "spec:\n  environments: { paper: { running: false } }\n"],
    [
      "a map without a value",
      "spec:\n  environments:\n  owner: a\n",
      "spec:\n  environments: { paper: { running: false } }\n  owner: a\n",
    ],
    [
      "no map",
      "spec:\n  owner: a # c\n  limits:\n    x: [1,\n      2] # d\n# end\n",
      "spec:\n  owner: a # c\n  limits:\n    x: [1,\n      2] # d\n  environments: { paper: { running: false } }\n# end\n",
    ],
    [
      "no map, spec in the middle",
      "spec:\n  owner: a\n\nkind: Strategy\n",
      "spec:\n  owner: a\n  environments: { paper: { running: false } }\n\nkind: Strategy\n",
    ],
    ["no map, flow", "spec: { owner: a }\n", "spec: { owner: a, environments: { paper: { running: false } } }\n"],
    ["no newline at the end", "spec:\n  owner: a", "spec:\n  owner: a\n  environments: { paper: { running: false } }"],
    [
      "a block text last",
      "spec:\n  note: |\n    x\n    y\n",
      "spec:\n  note: |\n    x\n    y\n  environments: { paper: { running: false } }\n",
    ],
    ["CRLF", "spec:\r\n  owner: a\r\n", "spec:\r\n  owner: a\r\n  environments: { paper: { running: false } }\r\n"],
    [
      "flow over lines",
      "spec:\n  environments: {\n    live: { running: true },\n  }\n",
      "spec:\n  environments: {\n    live: { running: true }, paper: { running: false },\n  }\n",
    ],
  ])("%s", (_name, before, after) => expect(edited(before)).toBe(after));

  test.each([
    ["broken YAML", "spec: [\n", "paper"],
    ["no spec", "kind: Strategy\n", "paper"],
    ["spec is no map", "spec: 1\n", "paper"],
    ["the map is a list", "spec:\n  environments: [paper]\n", "paper"],
    ["the entry is text", "spec:\n  environments: { paper: on }\n", "paper"],
    ["running is a map", "spec:\n  environments: { paper: { running: {} } }\n", "paper"],
    ["no name", "spec:\n  owner: a\n", "Pa: {x}"],
    ["an alias that others use", "spec:\n  environments: { live: &x { running: true }, paper: *x }\n", "paper"],
  ])("%s is refused", (_name, text, environment) => {
    expect(setRunning(text, environment, true)).toMatchObject({
      ok: false,
      error: { code: "edit-impossible", severity: "error" },
    });
  });

  test("back and forth gives the same bytes", () => {
    const layouts = fc.constantFrom(
      "spec:\n  environments: { paper: { running: true } }\n",
      "spec:\n  a: 1 # é\n  environments:\n    paper:\n      running:   true # x\n",
    );
    fc.assert(
      fc.property(layouts, fc.constantFrom("\n", "\r\n"), (layout, lineEnd) => {
        const text = layout.replaceAll("\n", lineEnd);
        expect(edited(edited(text, "paper", false) ?? "", "paper", true)).toBe(text);
      }),
    );
  });
});
