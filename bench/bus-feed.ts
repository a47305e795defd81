// The feed of bus.ts, in a process of its own: quotes at an even pace, each with the moment of its sending as its time. At its end it says how late it
// was itself. It builds its messages by hand, so that as little as possible of the machine goes to it.
import { Socket } from "node:net";
import { connect } from "mqtt";

const [url = "", perSecondText, secondsText, probePerSecondText, probeSid = "", ...instruments] = process.argv.slice(2);
const [perSecond, seconds, probePerSecond] = [perSecondText, secondsText, probePerSecondText].map(Number) as [
  number,
  number,
  number,
];
const client = connect(url, {
  ...{ protocolVersion: 4, clientId: "slipway-paper_feed-bench", username: "slipway-paper/feed-bench" },
  password: "secret",
  writeCache: false,
});
const session = `bench-${process.hrtime.bigint()}`;
const numbers = new Map<string, number>();
const lateMs: number[] = [];

function say(sid: string): void {
  const seq = (numbers.get(sid) ?? 0) + 1;
  numbers.set(sid, seq);
  const ts = process.hrtime.bigint() / 1000n;
  client.publish(
    `md/replay/${sid}/quote`,
    `{"v":1,"type":"quote","sid":"${sid}","venue":"replay","quote":"100","session":"${session}","seq":${seq},"ts":${ts}}`,
  );
}

function run(): void {
  const startMs = performance.now();
  let sent = 0;
  let probes = 0;
  const turn = (): void => {
    const nowMs = performance.now() - startMs;
    const due = (rate: number): number => Math.floor((Math.min(nowMs, seconds * 1000) / 1000) * rate);
    for (; sent < due(perSecond); sent += 1) {
      lateMs.push(nowMs - (sent * 1000) / perSecond);
      say(instruments[sent % instruments.length] ?? "");
    }
    for (; probes < due(probePerSecond); probes += 1) say(probeSid);
    // No busy loop: the processes that are measured need the cores.
    if (nowMs < seconds * 1000) setTimeout(turn, 1);
    else {
      lateMs.sort((a, b) => a - b);
      const at = (share: number): number => lateMs[Math.floor(lateMs.length * share)] ?? 0;
      process.stdout.write(`${JSON.stringify({ sent, probes, lateP50Ms: at(0.5), lateP99Ms: at(0.99) })}\n`);
    }
  };
  turn();
}

client.on("connect", () => {
  if (client.stream instanceof Socket) client.stream.setNoDelay(true);
  process.stdin.once("data", run);
  process.stdout.write("ready\n");
});
