// Where the token of the server's pod is: in its Secret, and in nothing that others could read.
import { type Dirent, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { TestForge } from "./forge.ts";
import { Watch } from "./watch.ts";
import type { Stage } from "./way.ts";

const [namespace, pod, container] = ["slipway-paper", "server-0", "server"];

interface Server {
  readonly forge: () => TestForge;
  readonly processes: () => Promise<readonly number[]>;
}

/** After it was killed once: what the container before it has written is read, too. */
export function serverToken(stage: () => Stage, { forge, processes }: Server): void {
  test("has its token in its Secret, and nowhere else", async () => {
    const { cluster, steps } = stage();
    const watch = new Watch(cluster);
    await steps.time("server: token", "in no environment, argument, log, object or file of the mirror", async () => {
      const { tokens, webhookSecret } = forge();
      const object = await cluster.client.text(`/api/v1/namespaces/${namespace}/pods/${pod}`);
      const texts = [
        object,
        await watch.log(namespace, pod, container),
        await watch.log(namespace, pod, container, true),
      ];
      for (const pid of await processes())
        texts.push(...["environ", "cmdline"].map((name) => textOf(`/proc/${pid}/${name}`)));
      const state = await watch.volumeOf(namespace, "server");
      let files: readonly Dirent[] = [];
      await cluster.machine.until("the server's files are listed", () => {
        files = readdirSync(state, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
        return true;
      });
      expect(files.map(({ name }) => name)).toContain("server.lock");
      for (const { parentPath, name } of files.filter((entry) => !entry.parentPath.includes("/objects")))
        texts.push(textOf(join(parentPath, name)));
      const ofArgo = cluster.argo.webhookSecret;
      for (const secret of [
        tokens.slipway,
        webhookSecret,
        ofArgo,
        Buffer.from(`slipway:${tokens.slipway}`).toString("base64"),
      ])
        expect(texts.filter((text) => text.includes(secret))).toEqual([]);
    });
  });
}

/** Nothing where it is gone: the server works meanwhile. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch (cause) {
    if (["ENOENT", "ESRCH"].includes(String((cause as NodeJS.ErrnoException).code))) return "";
    throw cause;
  }
}
