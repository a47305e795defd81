// The end of a strategy: what becomes of what it holds must have been said before, and then its folder is all that has to go.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Life } from "./life.ts";
import { type Stage, ship } from "./way.ts";

const strategy = "seed/random-ts";

export function retire(stage: () => Stage): void {
  const life = (): Life => new Life(stage(), strategy);
  const positions = async (): Promise<number> => {
    const rows = await life().watch.book("SELECT quantity FROM positions WHERE strategy = ?", strategy);
    return rows.filter(({ quantity }) => Number(quantity) !== 0).length;
  };
  const remove = (): void => rmSync(join(stage().repository.checkout, "strategies", strategy), { recursive: true });

  test("its folder may not go before its spec has said what becomes of its positions", async () => {
    const { repository, steps } = stage();
    await life().deployed();
    await life().until("it holds something", async () => (await positions()) > 0);
    const file = `strategies/${strategy}/strategy.yaml`;
    const spec = repository.read(file);
    const algorithm = repository.read(`strategies/${strategy}/algorithm.ts`);
    const before = await life().watch.pod(life().namespace, life().pod);
    await steps.time("deletion guard", "a folder deleted with positions open is refused; nothing changes", async () => {
      remove();
      const { code, stdout, stderr } = await repository.slipway("deploy", strategy, "--merge", "--timeout", "1");
      expect({ code, said: stdout + stderr }).toMatchObject({ code: 2, said: expect.stringContaining("spec.retire") });
      expect(await life().watch.pod(life().namespace, life().pod)).toMatchObject({
        uid: before?.uid,
        terminating: false,
      });
    });
    repository.write(`strategies/${strategy}/algorithm.ts`, algorithm);
    repository.write(file, spec.replace("spec:\n", "spec:\n  retire: flatten\n"));
    // The executor is not asked about it: it is the gateway's to know.
    await life().synced(await ship(stage(), "deploy", strategy, "--merge", "--timeout", "1"), "paper-platform");
  });

  test("then it goes: pod and objects are removed, the gateway sells what it held, the book stays", async () => {
    const { steps, cluster } = stage();
    const orders = await life().watch.orders(strategy);
    await steps.time(
      "retire: flatten",
      "pod, objects and Application are gone; nothing is held; the book stays",
      async () => {
        remove();
        await ship(stage(), "deploy", strategy, "--merge", "--timeout", "1");
        await life().until(
          "its Application is gone",
          async () => (await life().watch.application(life().application)) === undefined,
        );
        await life().until(
          "its pod is gone",
          async () => (await life().watch.pod(life().namespace, life().pod)) === undefined,
        );
        for (const [apiVersion, kind] of [
          ["apps/v1", "StatefulSet"],
          ["v1", "Service"],
          ["networking.k8s.io/v1", "NetworkPolicy"],
        ]) {
          const metadata = { name: life().name, namespace: life().namespace };
          expect(await cluster.client.get({ apiVersion: apiVersion ?? "", kind: kind ?? "", metadata })).toMatchObject({
            code: 404,
          });
        }
        await life().until("nothing is held", async () => (await positions()) === 0);
      },
    );
    expect(life().executors()).toEqual([]);
    expect(await life().watch.orders(strategy)).toBeGreaterThanOrEqual(orders);
    await life().sound();
  });
}
