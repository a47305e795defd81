// The brokers that `npm run test:brokers` runs: where they are, and how they get there.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Artifact, cacheFolder } from "../kubernetes/artifacts.ts";

/** The Go module that pins nats-server; `go.sum` beside it pins its content. */
export const goModule = join(import.meta.dirname, "go");

export function natsArtifact(): Artifact {
  const pinned = readFileSync(join(goModule, "go.mod"), "utf8");
  const version = /^require github\.com\/nats-io\/nats-server\/v2 v(\d+\.\d+\.\d+)$/m.exec(pinned)?.[1];
  if (version === undefined) throw new Error("go.mod does not require nats-server");
  return { name: "nats-server", version, folder: join(cacheFolder(), `nats-server-${version}`) };
}

export function natsProgram(): string {
  return join(natsArtifact().folder, "nats-server");
}

/** Debian's package puts it where a user's PATH need not look. */
export function mosquittoProgram(): string | undefined {
  for (const program of ["mosquitto", "/usr/sbin/mosquitto"]) {
    // It ends with 3 after its help.
    const { error, stdout } = spawnSync(program, ["-h"], { encoding: "utf8", timeout: 10_000 });
    if (error === undefined && stdout.startsWith("mosquitto version 2.")) return program;
  }
  return undefined;
}
