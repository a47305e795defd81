// A process of its own for refs.test.ts: adds `count` commits to main, each numbered one above its parent.
import { branchRef, openRepository } from "#git/open.ts";
import { commitFiles } from "./fixture.ts";

const [, , directory = "", name = "", count = "0"] = process.argv;
const repository = await openRepository(directory);
const main = branchRef("main");

for (let done = 0; done < Number(count); ) {
  const tip = await repository.resolve(main);
  const last = tip === undefined ? 0 : Number((await repository.commit(tip)).message.split(" ")[0]);
  const commit = await commitFiles(
    repository,
    { [name]: `${done}\n` },
    tip === undefined ? [] : [tip],
    `${last + 1} ${name}\n`,
  );
  if ((await repository.updateRef(main, commit, tip ?? null)).ok) done += 1;
}
