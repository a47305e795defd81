import { createServer, type Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { connectBus } from "#bus/client.ts";
import { decimal, formatDecimal } from "#core/decimal.ts";
import { Commits } from "#gateway/commits.ts";
import { type Bench, cleanUp, openBench, strategy, temporaryFolder } from "./fixtures.ts";

cleanUp();

/** Three requests of one turn, one of them repeated in it. */
function turn(bench: Bench): void {
  bench.book.openGroup();
  for (const id of ["a", "b", "a"]) bench.send({ clientOrderId: id, quantity: "1" });
  bench.send({ clientOrderId: "denied", quantity: "1000" });
  bench.book.commitGroup();
}

function countSteps(): number {
  let steps = 0;
  const bench = openBench({
    onStep() {
      steps += 1;
    },
  });
  bench.price("AAPL", "100");
  bench.gateway.openAccount(strategy);
  const before = steps;
  turn(bench);
  return steps - before;
}

describe("a group of orders", () => {
  test("is judged one after the other and told when all of it is written", () => {
    const bench = openBench({ limits: { maxPositionNotional: decimal("250") } });
    bench.price("AAPL", "100");
    bench.book.openGroup();
    for (const id of ["a", "b", "c"]) bench.send({ clientOrderId: id, quantity: "1" });
    expect(bench.events).toEqual([]);
    bench.book.commitGroup();
    expect(bench.events.map(({ clientOrderId, status, seq }) => [clientOrderId, status, seq])).toEqual([
      ["a", "filled", 1],
      ["b", "filled", 2],
      ["c", "denied", 3],
    ]);
  });

  test.each(Array.from({ length: countSteps() }, (_, index) => index + 1))(
    "killed at step %i it told nothing, and what comes again has one fill each",
    (step) => {
      const folder = temporaryFolder();
      let left = Number.POSITIVE_INFINITY;
      const killed = openBench({
        folder,
        onStep() {
          left -= 1;
          if (left === 0) throw new Error("killed");
        },
      });
      killed.price("AAPL", "100");
      killed.gateway.openAccount(strategy);
      left = step;
      expect(() => turn(killed)).toThrow("killed");
      expect(killed.events).toEqual([]);
      left = Number.POSITIVE_INFINITY;
      killed.close();

      const bench = openBench({ folder });
      const waiting = bench.book.unpublished().map(({ event }) => event.clientOrderId);
      // All of it or nothing.
      expect([[], ["a", "b", "denied"]]).toContainEqual(waiting);
      bench.price("AAPL", "100");
      turn(bench);
      expect(bench.book.unpublished().map(({ event }) => event.clientOrderId)).toEqual(["a", "b", "denied"]);
      const account = bench.book.accounts().get(strategy);
      expect(account?.positions.get("AAPL")).toBe(decimal("2"));
      expect(formatDecimal(account!.cash)).toBe("9800");
    },
  );

  test("lets out what waited after its commit, and nothing if that fails", () => {
    const said: string[] = [];
    let soon: () => void = () => undefined;
    const bus = {
      hold: () => {
        said.push("hold");
        return () => void said.push("release");
      },
    };
    let fails = false;
    const book = {
      openGroup: () => void said.push("open"),
      commitGroup: () => {
        said.push("commit");
        if (fails) throw new Error("disk");
      },
    };
    const commits = new Commits(book, bus, (work) => {
      soon = work;
    });
    commits.join();
    commits.join();
    expect(said).toEqual(["hold", "open"]);
    soon();
    expect(said.splice(0)).toEqual(["hold", "open", "commit", "release"]);
    fails = true;
    commits.join();
    expect(soon).toThrow("disk");
    expect(said.splice(0)).toEqual(["hold", "open", "commit"]);
    // Without a connection there is nothing to hold back: each write is its own.
    new Commits(book, { hold: () => undefined }, soon).join();
    expect(said).toEqual([]);
  });
});

test("an acknowledgement leaves the process no sooner than it is let out", async () => {
  const heard: number[] = [];
  let socket: Socket | undefined;
  const server = createServer((accepted) => {
    socket = accepted;
    accepted.on("data", (chunk) => {
      heard.push((chunk[0] ?? 0) >> 4);
      if (heard.length === 1) accepted.write(Buffer.from([0x20, 2, 0, 0]));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { readonly port: number };
  const bus = await connectBus({ url: `mqtt://127.0.0.1:${port}`, identity: "a/b", password: () => "x" });
  let release: (() => void) | undefined;
  bus.onMessage(() => {
    release = bus.hold();
  });
  // PUBLISH at QoS 1 of "x" to the topic "t".
  socket?.write(Buffer.from([0x32, 6, 0, 1, 0x74, 0, 7, 0x78]));
  await expect.poll(() => release).toBeDefined();
  for (let turns = 0; turns < 50; turns += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(heard).toEqual([1]);
  release?.();
  await expect.poll(() => heard).toEqual([1, 4]);
  socket?.destroy();
  await bus.close();
  server.close();
});
