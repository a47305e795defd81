// A process of its own for kill.test.ts: commits, proposes and merges for ever, until it is killed.
import { localForge } from "#forge/local.ts";
import { branchRef, openRepository } from "#git/open.ts";
import { judged, main, mergeRequest, push, request, value } from "../contract/forge-contract.ts";

const [, , directory = "", first = "1"] = process.argv;
const repository = await openRepository(directory, { staleLockSeconds: 0.2 });
const forge = localForge({ repository, clock: Date.now });

for (let round = Number(first); ; round += 1) {
  const branch = branchRef(`writer/${round}`);
  if ((await repository.resolve(branch)) === undefined) {
    await push(repository, branch, { [`files/${round}`]: `${round}\n` }, { from: main });
  }
  process.stdout.write(`${round}\n`);
  const proposal = value(await forge.open(request(branch)));
  const pair = await judged({ forge, repository }, proposal);
  value(await forge.setComment(proposal.number, `round ${round}\n`));
  value(await forge.merge(proposal.number, mergeRequest(pair)));
}
