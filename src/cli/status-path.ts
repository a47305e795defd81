import type { StrategyId } from "#core/identity.ts";
import { type Deploy, listDeploys } from "#delivery/deploys.ts";
import { type RenderedAs, renderedAs } from "./rendered.ts";
import type { Site } from "./site.ts";

/** The last change of a strategy on its way through Git. */
export interface DeployPath {
  readonly deploy: Deploy | undefined;
  readonly proposal: { readonly number: number; readonly author: string; readonly openedSeconds: number } | undefined;
  readonly rendered: RenderedAs;
}

export async function readPath(site: Site, strategy: StrategyId, environment: string): Promise<DeployPath> {
  const deploy = (await listDeploys(site.repository, strategy)).at(-1);
  if (deploy === undefined) return { deploy, proposal: undefined, rendered: undefined };
  const found = deploy.proposal === undefined ? undefined : await site.forge.get(deploy.proposal);
  const proposal = found?.ok === true ? found.value : undefined;
  return {
    deploy,
    proposal:
      proposal === undefined
        ? undefined
        : { number: proposal.number, author: proposal.author, openedSeconds: proposal.openedSeconds },
    rendered: await renderedAs(site.repository, environment, deploy.commit),
  };
}
