import { ok, type Result } from "#core/result.ts";
import type { ForgeRefusal, Marks } from "../port.ts";
import { isSame } from "./gate.ts";
import { findOpen, type Remote } from "./pulls.ts";

/** What the labels of Slipway's own begin with. */
const ownPrefix = "slipway/";
/** As many as GitHub asks for one pull request. */
const reviewersMax = 15;
const loginPattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/;

/** Brings labels and asked reviews to what they should be: first what is to be added, then what is to go, so that a kill leaves too much and not too little. */
export async function markPull(
  { api, ...remote }: Remote,
  number: number,
  { labels, reviewers }: Marks,
): Promise<Result<void, ForgeRefusal>> {
  const found = await findOpen({ api, ...remote }, number);
  if (!found.ok) return found;
  const { author, head, asked, labels: there } = found.value;
  for (const label of labels) if (!there.includes(label)) await api.addLabel(number, label);
  for (const label of there)
    if (label.startsWith(ownPrefix) && !labels.includes(label)) await api.removeLabel(number, label);
  const open = reviewers.filter(
    (login) => loginPattern.test(login) && ![author, ...asked].some((known) => isSame(known, login)),
  );
  if (open.length === 0) return ok(undefined);
  const given = (await api.reviews(number)).filter(({ commit, state }) => commit === head && state !== "other");
  for (const login of open.slice(0, Math.max(0, reviewersMax - asked.length)))
    if (!given.some(({ by }) => isSame(by, login))) await api.askReview(number, login);
  return ok(undefined);
}
