import type { Mutation } from "./mutation.ts";

/** Ways in which the executor, its journal and its bus client could be wrong. */
export const executorMutations: readonly Mutation[] = [
  // What is written down, and when.
  {
    name: "a request is sent and not written down",
    edits: [
      {
        file: "executor/deciding.ts",
        from: 'return [next, [journal, note("order requested", request), send(request)], sent];',
        to: 'void journal; return [next, [note("order requested", request), send(request)], sent];',
      },
    ],
  },
  {
    name: "a request without an answer is not asked again",
    edits: [
      {
        file: "executor/orders.ts",
        from: "if (!state.gatewayOnline || state.pending.size === 0) return [state, []];",
        to: "if (state.pending.size >= 0) return [state, []];",
      },
    ],
  },
  {
    name: "a request is asked again with the epoch of the process before",
    edits: [
      {
        file: "executor/orders.ts",
        from: "const request = { ...entry.request, epoch: state.settings.epoch };",
        to: "const request = entry.request;",
      },
    ],
  },
  {
    name: "ids of orders are not of their cause",
    harmless: "the gateway hears one executor at a time, and none decides on an event again",
    edits: [
      {
        file: "executor/deciding.ts",
        from: "const { strategy, epoch, effective } = state.settings;\n  const id = clientOrderId(strategy, cause.id, index);",
        to:
          "const { strategy, epoch, effective } = state.settings;\n  const id = clientOrderId(strategy, `$" +
          "{cause.id} $" +
          "{epoch}`, index);",
      },
    ],
  },
  {
    name: "ids of orders are not of their cause, and the epoch of a request is not looked at",
    edits: [
      {
        file: "executor/deciding.ts",
        from: "const { strategy, epoch, effective } = state.settings;\n  const id = clientOrderId(strategy, cause.id, index);",
        to: `const { strategy, epoch, effective } = state.settings;\n  const id = clientOrderId(strategy, cause.id + "/" + epoch, index);`,
      },
      { file: "gateway/risk.ts", from: "if (request.epoch < facts.epoch) {", to: "if (request.epoch < 0) {" },
    ],
  },
  {
    name: "an order is decided on while the gateway is away",
    harmless: "what comes late has expired, and the gateway denies it",
    edits: [
      {
        file: "executor/deciding.ts",
        from: "return gatewayOnline && heard !== undefined && stopping === undefined;",
        to: "return (gatewayOnline || true) && heard !== undefined && stopping === undefined;",
      },
    ],
  },
  {
    name: "an order is decided on before the gateway has said what is held",
    test: "test/executor/resends.test.ts",
    edits: [
      {
        file: "executor/deciding.ts",
        from: "return gatewayOnline && heard !== undefined && stopping === undefined;",
        to: "return gatewayOnline && (heard !== undefined || true) && stopping === undefined;",
      },
    ],
  },
  {
    name: "a timer's turn is not written down",
    edits: [{ file: "executor/giving.ts", from: '{ do: "journal", entry: { kind: "timer", name, time } },', to: "" }],
  },
  {
    name: "a snapshot does not hold the open requests",
    edits: [
      {
        file: "executor/saved.ts",
        from: "pending: [...pending.values()],",
        to: "pending: [...pending.values()].slice(0, 0),",
      },
    ],
  },
  {
    name: "a snapshot does not hold which event was the last",
    edits: [{ file: "executor/saved.ts", from: "      told,\n      cash:", to: "      cash:" }],
  },
  {
    name: "a restart does not read the journal",
    edits: [
      {
        file: "executor/store.ts",
        from: "entries.push(...journal.entries);",
        to: "void journal;",
      },
    ],
  },
  {
    name: "the journal is put away before the snapshot is written",
    edits: [
      {
        file: "executor/store.ts",
        from: "const written = this.#writing.then(() => this.#write(text, generation));",
        to: "this.#disk.remove(this.#journalPath(generation - 1)); const written = this.#writing.then(() => this.#write(text, generation));",
      },
    ],
  },
  {
    name: "what waits in line is left out of the journal after a snapshot",
    edits: [{ file: "executor/store.ts", from: "for (const entry of queued) this.append(entry);", to: "void queued;" }],
  },
  {
    name: "a snapshot is written in place",
    harmless: "half a snapshot fails its checksum, and the one before it is kept with its journals",
    edits: [
      {
        file: "executor/store.ts",
        from:
          "    await this.#disk.writeLater(temp, text);\n    this.#disk.rename(temp, this.#path(`snapshot-$" +
          "{generation}.json`));",
        to: "    void temp; await this.#disk.writeLater(this.#path(`snapshot-$" + "{generation}.json`), text);",
      },
    ],
  },
  {
    name: "a snapshot is written in place, and the one before it is not kept",
    edits: [
      {
        file: "executor/store.ts",
        from:
          "    await this.#disk.writeLater(temp, text);\n    this.#disk.rename(temp, this.#path(`snapshot-$" +
          "{generation}.json`));",
        to:
          "    void temp; for (const old of this.#numbered(snapshotName)) this.#disk.remove(this.#path(`snapshot-$" +
          "{old}.json`));\n" +
          "    for (const old of this.#numbered(journalName)) if (old < generation) this.#disk.remove(this.#journalPath(old));\n" +
          "    await this.#disk.writeLater(this.#path(`snapshot-$" +
          "{generation}.json`), text);",
      },
    ],
  },
  {
    name: "a process writes into the journal of the one it replaced",
    test: "test/executor/store.test.ts",
    edits: [
      {
        file: "executor/store.ts",
        from: "this.#generation = Math.max(this.epoch * generationsMax, 1 + Math.max(0, ...this.#numbered(journalName)));",
        to: "this.#generation = 1 + Math.max(0, ...this.#numbered(snapshotName));",
      },
    ],
  },
  {
    name: "a start takes the epoch of the process before",
    edits: [
      {
        file: "executor/store.ts",
        from: "const epoch = this.lastEpoch + 1;",
        to: "const epoch = Math.max(1, this.lastEpoch);",
      },
    ],
  },
  {
    name: "an epoch that another executor has is not written down",
    edits: [
      { file: "executor/store.ts", from: "if (epoch > this.lastEpoch) this.#writeEpoch(epoch);", to: "void epoch;" },
    ],
  },
  // What the gateway tells.
  {
    name: "an order event is taken whatever its number",
    edits: [
      { file: "executor/resends.ts", from: "if (event.seq <= heard) return answeredAgain(state, event);", to: "" },
      {
        file: "executor/resends.ts",
        from: "if (event.seq > heard + 1) return [{ ...state, asking: { ...state.asking, due: true } }, []];",
        to: "",
      },
    ],
  },
  {
    name: "a gap in the order events is stepped over",
    edits: [
      {
        file: "executor/resends.ts",
        from: "if (event.seq > heard + 1) return [{ ...state, asking: { ...state.asking, due: true } }, []];",
        to: "",
      },
    ],
  },
  {
    name: "fills are booked whole each time they are told",
    edits: [
      {
        file: "executor/portfolio.ts",
        from: "const before = lookUp(portfolio.filled, event.clientOrderId) ?? { quantity: zero, notional: zero, fee: zero };",
        to: "const before = { quantity: zero, notional: zero, fee: zero };",
      },
    ],
  },
  {
    name: "a snapshot does not hold what is filled of each order",
    edits: [
      {
        file: "executor/saved.ts",
        from: "filled: [...entriesOf(portfolio.filled)].map(",
        to: "filled: [...entriesOf(portfolio.filled)].slice(0, 0).map(",
      },
    ],
  },
  {
    name: "nothing is asked of the gateway's book",
    edits: [
      {
        file: "executor/resends.ts",
        from: "if (!atOnce && !isTime(state, nowMs)) return [state, []];",
        to: "if (state.heard !== undefined || (!atOnce && !isTime(state, nowMs))) return [state, []];",
      },
    ],
  },
  {
    name: "the gateway's account is not taken over",
    edits: [
      {
        file: "executor/resends.ts",
        from: '  if (!said.resent) return adopt(answered, said, "its events are not the book\'s");',
        to: "  if (!said.resent) return [answered, []];",
      },
      {
        file: "executor/resends.ts",
        from: "if (said.last !== booked || agrees(state.portfolio, said)) return [answered, []];",
        to: "if (said.last !== booked || agrees(state.portfolio, said) || booked !== undefined) return [answered, []];",
      },
    ],
  },
  {
    name: "an account that was taken over is not written down",
    edits: [
      {
        file: "executor/resends.ts",
        from: "if (why === undefined) return [next, [journal]];",
        to: "void journal; if (why === undefined) return [next, []];",
      },
      { file: "executor/resends.ts", from: "return [next, [journal, say(", to: "return [next, [say(" },
    ],
  },
  {
    name: "an old word answers a request that was asked again",
    test: "test/executor/resends.test.ts",
    edits: [
      {
        file: "executor/resends.ts",
        from: "if (entry === undefined || !finalStatuses.has(event.status) || !isAbout(event, entry)) return [state, []];",
        to: "if (entry === undefined || entry.status !== undefined || !isAbout(event, entry)) return [state, []];",
      },
    ],
  },
  {
    name: "a question's second answer counts",
    test: "test/executor/resends.test.ts",
    edits: [
      {
        file: "executor/resends.ts",
        from: "if (said.asked !== state.asking.atMs || (state.asking.answered && !said.resent)) return [state, []];",
        to: "if (said.asked !== state.asking.atMs || !(said.resent || state.asking.due)) return [state, []];",
      },
    ],
  },
  {
    name: "the answer to any question counts",
    edits: [
      {
        file: "executor/resends.ts",
        from: "if (said.asked !== state.asking.atMs || (state.asking.answered && !said.resent)) return [state, []];",
        to: "",
      },
    ],
  },
  {
    name: "a denial of another executor's request answers this one's",
    test: "test/executor/resends.test.ts",
    edits: [{ file: "executor/orders.ts", from: 'if (reason?.code === "stale-epoch") return false;', to: "" }],
  },
  {
    name: "unknown is taken for the last word",
    test: "test/executor/step.test.ts",
    edits: [
      {
        file: "executor/orders.ts",
        from: "if (finalStatuses.has(status)) next.delete(clientOrderId);",
        to: 'if (finalStatuses.has(status) || status === "unknown") next.delete(clientOrderId);',
      },
    ],
  },
  {
    name: "an executor that was replaced goes on",
    edits: [{ file: "executor/resends.ts", from: "if (said.epoch > epoch) {", to: "if (said.epoch > epoch + 1e9) {" }],
  },
  // What the algorithm sees.
  {
    name: "an algorithm that comes back does not hear of the fills since its snapshot",
    edits: [
      { file: "executor/start.ts", from: "await retell(algorithm, loop.state, untold, skipped);", to: "void retell;" },
    ],
  },
  {
    name: "an algorithm that comes back has not its own state",
    edits: [
      {
        file: "executor/restoring.ts",
        from: 'await withDeadline("restore", algorithm.restore(saved.algorithm, by))',
        to: "true",
      },
    ],
  },
  {
    name: "what was under way when it ended is decided on again",
    test: "test/executor/step.test.ts",
    edits: [
      {
        file: "executor/inbox.ts",
        from: "return last === undefined || last.session !== message.session || message.seq > last.seq;",
        to: "return last === undefined || last.session !== message.session || message.seq >= last.seq - 1;",
      },
    ],
  },
  // The connection.
  {
    name: "what has no acknowledgement is not sent again",
    edits: [
      {
        file: "bus/client.ts",
        from: "for (const entry of safe) this.#transmit(entry);",
        to: "void safe;",
      },
    ],
  },
  {
    name: "a message is acknowledged although it was not taken",
    edits: [
      {
        file: "executor/loop.ts",
        from: "if (this.#failure !== undefined) throw this.#failure;\n  }",
        to: "}",
      },
    ],
  },
];
