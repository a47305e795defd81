import { expect, test } from "vitest";
import { type Heard, rewind } from "#core/rewind.ts";

type Line = readonly [key: string, session: string, ts: number, rewound: boolean];

test.each<{ name: string; lines: readonly Line[] }>([
  {
    name: "within a session nothing is rewound, also when times are not in order",
    lines: [
      ["A", "one", 10, false],
      ["B", "one", 10, false],
      ["A", "one", 9, false],
    ],
  },
  {
    name: "a session that goes on forward, or at the same instant, is none",
    lines: [
      ["A", "one", 10, false],
      ["B", "one", 10, false],
      ["A", "two", 10, false],
      ["B", "two", 11, false],
    ],
  },
  {
    name: "a replay that begins anew is, until it has come to everything",
    lines: [
      ["A", "one", 10, false],
      ["B", "one", 10, false],
      ["A", "two", 1, true],
      ["A", "two", 2, true],
      ["B", "two", 2, true],
      ["A", "two", 3, false],
    ],
  },
  {
    name: "one that begins with something new is seen at the first that was there before",
    lines: [
      ["A", "one", 10, false],
      ["C", "two", 1, false],
      ["A", "two", 1, true],
      ["A", "two", 2, false],
    ],
  },
  {
    name: "another feed's session does not matter",
    lines: [
      ["A", "one", 10, false],
      ["X", "other", 99, false],
      ["A", "two", 1, true],
      ["A", "two", 2, false],
      ["X", "other", 100, false],
    ],
  },
  {
    name: "one that begins anew before it has come to everything",
    lines: [
      ["A", "one", 10, false],
      ["B", "one", 10, false],
      ["A", "two", 5, true],
      ["A", "three", 1, true],
      ["B", "three", 1, true],
      ["A", "three", 2, false],
    ],
  },
])("$name", ({ lines }) => {
  const heard = new Map<string, Heard>();
  let earlier: ReadonlySet<string> = new Set();
  const seen = lines.map(([key, session, ts]) => {
    const answer = rewind(heard, earlier, key, { session, ts });
    earlier = answer.earlier;
    heard.set(key, { session, ts });
    return answer.rewound;
  });
  expect(seen).toEqual(lines.map(([, , , rewound]) => rewound));
});
