// The end of a team: its last strategies go one right after the other, and Argo CD's project of the team outlives both, or they would never end.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Life } from "./life.ts";
import { writeQuiet } from "./quiet.ts";
import { push, type Stage, ship } from "./way.ts";

const [team, namespace] = ["pair", "pair-paper"];
const ids = [`${team}/first`, `${team}/second`] as const;
const project = {
  ...{ apiVersion: "argoproj.io/v1alpha1", kind: "AppProject" },
  metadata: { name: `paper-${team}`, namespace: "argocd" },
};
const projectPath = `/apis/argoproj.io/v1alpha1/namespaces/argocd/appprojects/paper-${team}`;
const teamApplication = `paper-team-${team}`;

export function teamEnd(stage: () => Stage): void {
  const lives = (): readonly Life[] => ids.map((id) => new Life(stage(), id));
  const until = (what: string, holds: () => Promise<boolean>): Promise<void> =>
    stage().cluster.machine.until(what, holds);
  const hasProject = async (): Promise<boolean> => (await stage().cluster.client.get(project)).ok;
  const applications = async (): Promise<number> => {
    const seen = await Promise.all(lives().map(({ watch, application }) => watch.application(application)));
    return seen.filter((one) => one !== undefined).length;
  };

  test("a team's last two strategies go in two merges, one right after the other, and all of the team ends", async () => {
    const { cluster, repository, steps } = stage();
    for (const id of ids) writeQuiet(repository, id, { running: false, retire: "cancel" });
    await ship(stage(), "deploy", ...ids, "--merge", "--timeout", "1");
    for (const { watch, application } of lives())
      await until(`${application} is synced`, async () => (await watch.application(application))?.sync === "Synced");
    await steps.time("a team's end", "its project stays until both strategies have ended, and then goes", async () => {
      // As a prune would that comes too early: the order of waves alone does not keep it from that.
      expect(await cluster.client.delete(project)).toMatchObject({ ok: true });
      expect(await hasProject()).toBe(true);
      for (const id of ids) {
        rmSync(join(repository.checkout, "strategies", id), { recursive: true });
        await ship(stage(), "deploy", id, "--merge", "--timeout", "1");
      }
      await until("both Applications are gone", async () => {
        return (await applications()) === 0;
      });
      // The namespace goes when a person says so.
      const path = `/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/${teamApplication}`;
      await until("the team's Application is to go", async () => {
        const { object } = await cluster.client.request("GET", path);
        return (object["metadata"] as { deletionTimestamp?: string } | undefined)?.deletionTimestamp !== undefined;
      });
      const annotations = { "argocd.argoproj.io/deletion-approved": new Date().toISOString() };
      await cluster.client.request("PATCH", path, { metadata: { annotations } }, "application/merge-patch+json");
      await push(stage());
      await until("its namespace is gone", async () => {
        const reference = { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } };
        return (await cluster.client.get(reference)).code === 404;
      });
      // Argo CD looks at a project every two minutes, or when it changes; what it knows of Applications is a moment old.
      await until("its project is gone", async () => {
        const seen = { metadata: { annotations: { "slipway.dev/seen": new Date().toISOString() } } };
        await cluster.client.request("PATCH", projectPath, seen, "application/merge-patch+json");
        return !(await hasProject());
      });
    });
  });
}
