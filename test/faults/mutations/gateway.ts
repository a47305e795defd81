import type { Mutation } from "./mutation.ts";

/** Ways in which the gateway, its book and the life of an order could be wrong. */
export const gatewayMutations: readonly Mutation[] = [
  // Ids and epochs.
  {
    name: "an id that comes again is another order",
    edits: [
      {
        file: "gateway/gateway.ts",
        from: "const booked = book.order(strategy, request.clientOrderId);\n    if (booked !== undefined) {",
        to:
          "let booked = book.order(strategy, request.clientOrderId);\n    if (booked !== undefined) { request = { ...request, clientOrderId: `$" +
          "{request.clientOrderId}.$" +
          "{nowMs}` }; booked = undefined; }\n    if (booked !== undefined) {",
      },
    ],
  },
  {
    name: "an id that comes again is booked over",
    edits: [
      {
        file: "gateway/gateway.ts",
        from: "const booked = book.order(strategy, request.clientOrderId);",
        to: "const booked = undefined as ReturnType<typeof book.order>;",
      },
      {
        file: "gateway/book.ts",
        from: "`INSERT INTO orders (strategy",
        to: "`INSERT OR REPLACE INTO orders (strategy",
      },
    ],
  },
  {
    name: "a known id is not answered",
    test: "test/gateway/intake.test.ts",
    edits: [
      {
        file: "gateway/gateway.ts",
        from: "book.afterCommit(() => announcer.repeat({ strategy, event }));",
        to: "void announcer;",
      },
    ],
  },
  {
    name: "the epoch of a request is not looked at",
    edits: [{ file: "gateway/risk.ts", from: "if (request.epoch < facts.epoch) {", to: "if (request.epoch < 0) {" }],
  },
  {
    name: "a question does not fence older executors",
    edits: [{ file: "gateway/statements.ts", from: "book.raiseEpoch(strategy, asked.epoch);", to: "" }],
  },
  {
    name: "a replaced executor's denied request uses up its id",
    test: "test/gateway/forgery.test.ts",
    edits: [
      {
        file: "gateway/gateway.ts",
        from: 'if (decision.error.code === "stale-epoch") this.#record({ strategy, clientOrderId, event });\n    else this.#record',
        to: "this.#record",
      },
    ],
  },
  {
    name: "an order that is over long since is carried out",
    edits: [
      {
        file: "gateway/risk.ts",
        from: "if (facts.nowMs > request.expiresAtMs) {",
        to: "if (facts.nowMs > request.expiresAtMs + 1e9) {",
      },
    ],
  },
  // Commit first, then say.
  {
    name: "it says and sends before it commits",
    edits: [
      {
        file: "gateway/book-database.ts",
        from: "if (this.#group === undefined) effect();\n    else this.#group.effects.push(effect);",
        to: "effect();",
      },
    ],
  },
  {
    name: "it acknowledges before it commits",
    edits: [
      {
        file: "gateway/commits.ts",
        from: "const release = this.#bus.hold();",
        to: "const release = (): void => undefined;",
      },
    ],
  },
  {
    name: "an order goes to the venue before it is in the book",
    edits: [
      {
        file: "gateway/desk.ts",
        from: 'const [order, effects] = report === undefined ? [fresh, []] : stepOrder(fresh, { type: "report", report });',
        to: 'const [order, effects] = report === undefined ? [fresh, []] : stepOrder(fresh, { type: "report", report });\n    if (!isFinal(order.status)) venue.place(placed);',
      },
      { file: "gateway/desk.ts", from: "this.#options.book.afterCommit(() => venue.place(placed));", to: "" },
    ],
  },
  {
    name: "an entry of the book is written row by row",
    edits: [
      { file: "gateway/book-database.ts", from: 'this.#database.exec("BEGIN IMMEDIATE");', to: "" },
      { file: "gateway/book-database.ts", from: 'this.#database.exec("COMMIT");', to: "" },
    ],
  },
  {
    name: "an order event gets no new number",
    edits: [
      {
        file: "gateway/book.ts",
        from: "event_seq = event_seq + 1 RETURNING event_seq`",
        to: "event_seq = event_seq + (event_seq % 7 <> 0) RETURNING event_seq`",
      },
    ],
  },
  // What was not heard.
  {
    name: "what a process had not published is not published by the next one",
    edits: [
      {
        file: "gateway/announcer.ts",
        from: "for (const booked of this.#book.unpublished()) this.announce(booked);",
        to: "",
      },
    ],
  },
  {
    name: "an event counts as published before the broker has it",
    harmless: "executors ask for what they missed",
    edits: [
      {
        file: "gateway/announcer.ts",
        from: "this.#bus.publish(topicOf(booked.strategy), booked.event, { qos: 1 }).then(",
        to: "this.#book.markPublished([booked]);\n    this.#bus.publish(topicOf(booked.strategy), booked.event, { qos: 1 }).then(",
      },
    ],
  },
  {
    name: "what was missed is not told again",
    edits: [
      {
        file: "gateway/statements.ts",
        from: "for (const event of events ?? []) announcer.repeat({ strategy, event });",
        to: "void announcer; void events;",
      },
    ],
  },
  {
    name: "a question gets no statement",
    edits: [
      {
        file: "gateway/statements.ts",
        from: "this.#publish(strategy, statement);\n      for",
        to: "void statement;\n      for",
      },
    ],
  },
  {
    name: "events of a book that was set back pass for what is missing",
    test: "test/gateway/statements.test.ts",
    edits: [
      {
        file: "gateway/statements.ts",
        from: "if (after > 0 && (known?.seq !== after || eventDigest(known) !== digest)) return undefined;",
        to: "void digest; if (after > 0 && known?.seq !== after) return undefined;",
      },
    ],
  },
  {
    name: "an event counts as published before the broker has it, and what was missed is not told again",
    edits: [
      {
        file: "gateway/announcer.ts",
        from: "this.#bus.publish(topicOf(booked.strategy), booked.event, { qos: 1 }).then(",
        to: "this.#book.markPublished([booked]);\n    this.#bus.publish(topicOf(booked.strategy), booked.event, { qos: 1 }).then(",
      },
      {
        file: "gateway/statements.ts",
        from: "for (const event of events ?? []) announcer.repeat({ strategy, event });",
        to: "void announcer; void events;",
      },
    ],
  },
  // The venue.
  {
    name: "a lost answer is a rejection",
    edits: [
      {
        file: "core/order.ts",
        from: 'const status = order.status === "pending-new" ? "unknown" : order.status;\n  return [{ ...order, status, cancelSent: false }, [{ do: "ask" }]];',
        to: 'const status = order.status === "pending-new" ? "rejected" : order.status;\n  return [{ ...order, status, cancelSent: false }, [{ do: "ask" }]];',
      },
    ],
  },
  {
    name: "an order is sent again when its answer is lost",
    edits: [{ file: "gateway/desk.ts", from: "venue.ask(open.placed);", to: "venue.place(open.placed);" }],
  },
  {
    name: "one 'I do not know this order' is believed",
    edits: [
      {
        file: "core/order.ts",
        from: "if (missing.times < settling.timesMin || atMs - sinceMs < settling.forMs) return",
        to: "if (missing.times < 1) return",
      },
    ],
  },
  {
    name: "an order that was given up is not asked after any more",
    edits: [
      {
        file: "gateway/desk.ts",
        from: "const waitMs = suspicionsMs[times];",
        to: "const waitMs = suspicionsMs[times + 99];",
      },
    ],
  },
  {
    name: "nobody asks after open orders after a restart",
    edits: [
      {
        file: "gateway/desk.ts",
        from: 'for (const open of [...orders.values()]) this.#apply(open, { type: "restart" });',
        to: "void orders;",
      },
    ],
  },
  {
    name: "no answer in time is waited for for ever",
    edits: [
      {
        file: "gateway/desk.ts",
        from:
          'this.#answer({ strategy, clientOrderId }, { type: "lost", message: `no answer in $' + "{answerMs} ms` });",
        to: "void strategy; void clientOrderId;",
      },
    ],
  },
  {
    name: "what a venue says of fills counts whole each time",
    edits: [
      {
        file: "core/order.ts",
        from: "const quantity = subtract(report.filled, order.filled);",
        to: "const quantity = report.filled;",
      },
      {
        file: "core/order.ts",
        from: "const value = subtract(notional, order.notional);",
        to: "const value = notional;",
      },
    ],
  },
  {
    name: "less than is known is believed",
    harmless: "what is filled never costs less than before: that is an alarm and is not booked",
    edits: [
      {
        file: "core/order.ts",
        from: "if (compare(report.filled, order.filled) < 0)\n    return",
        to: "if (compare(report.filled, order.filled) < -1)\n    return",
      },
    ],
  },
  {
    name: "a late fill of an order that is over is not booked",
    edits: [
      {
        file: "core/order.ts",
        from: "return isFinal(order.status) ? heardLate(order, filled, report, effects) : settle(filled, report, effects);",
        to: "return isFinal(order.status) ? [order, []] : settle(filled, report, effects);",
      },
    ],
  },
  {
    name: "a fill changes the book and not the account that statements tell",
    edits: [{ file: "gateway/desk.ts", from: "ledger.applyFill(strategy, sid, fill);", to: "void ledger; void sid;" }],
  },
  {
    name: "the fee of a fill is not paid",
    edits: [
      {
        file: "gateway/desk.ts",
        from: "const cash = subtract(buys ? subtract(account.cash, notional) : add(account.cash, notional), fee);",
        to: "const cash = buys ? subtract(account.cash, notional) : add(account.cash, notional);",
      },
    ],
  },
];
