import { expect } from "vitest";
import { trailerValues } from "#delivery/trailers.ts";
import type { RefName, Repository } from "#git/port.ts";

/** Main holds one merge commit of each proposal, each on top of the one before it, and nothing else since it began. */
export async function expectLinear(
  repository: Repository,
  { main, deploys }: { readonly main: RefName; readonly deploys: number },
): Promise<void> {
  const tip = await repository.resolve(main);
  const history = tip === undefined ? [] : await repository.history(tip);
  const merges = history.slice(0, deploys);
  const numbers = merges.flatMap(({ message }) => trailerValues(message, "Proposal"));
  expect(new Set(numbers).size).toBe(deploys);
  expect(numbers).toHaveLength(deploys);
  expect(merges.map(({ parents }) => parents.length)).toEqual(merges.map(() => 2));
  expect(merges.map(({ parents }) => parents[0])).toEqual(history.slice(1, deploys + 1).map(({ sha }) => sha));
  for (const { message } of history.slice(deploys)) expect(trailerValues(message, "Proposal")).toEqual([]);
}
