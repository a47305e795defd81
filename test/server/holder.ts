// Takes the lock of the folder in its argument, says so, and holds it until it is killed.
import { acquireServerLock } from "#server/lock.ts";

const result = await acquireServerLock(process.argv[2] ?? "", { pid: process.pid, startedAtMs: 5, note: "holder" });
process.stdout.write(result.ok ? "held\n" : `${result.error.code}\n`);
process.stdin.resume();
