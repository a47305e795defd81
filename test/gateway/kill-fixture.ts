// A gateway without a bus that kills itself with SIGKILL at one step of its book: the child of book.test.ts.
import { writeSync } from "node:fs";
import { join } from "node:path";
import { Book } from "#gateway/book.ts";
import { readLimits, startPaperGateway } from "./paper-gateway.ts";

const [folder, killAt, limitsText, request, quoteTopic, quote] = process.argv.slice(2).map(String);
const limits = readLimits("momentum.sma-cross", limitsText ?? "");
let steps = 0;
const book = new Book({
  file: join(folder ?? "", "book.sqlite"),
  durability: "process",
  onStep() {
    steps += 1;
    if (steps === Number(killAt)) process.kill(process.pid, "SIGKILL");
  },
});
const say = ({ event }: { readonly event: object }): void => void writeSync(1, `${JSON.stringify(event)}\n`);
const { gateway } = startPaperGateway({ book, limits, say, nowMs: () => 1000 });
gateway.receive(quoteTopic ?? "", Buffer.from(quote ?? ""));
gateway.receive("strat/momentum/sma-cross/order/request", Buffer.from(request ?? ""));
book.close();
