// Whose certificate is believed of a forge: by its interface and by Git alike.
import { afterEach, beforeEach, expect, test } from "vitest";
import { main, push } from "../contract/forge-contract.ts";
import { makeAuthority } from "./authorities.ts";
import { type StandInPlace, startStandIn } from "./stand-in-place.ts";

let place: StandInPlace;

beforeEach(async () => {
  place = await startStandIn();
});
afterEach(() => place?.close());

test("one that the authority of forge.yaml signed is believed by both", async () => {
  const { forge, repository } = await place.open("slipway", await place.trust());
  expect(await forge.caller?.()).toMatchObject({ name: "slipway" });
  const commit = await push(repository, main, { "README.md": "one\n" });
  await repository.fetch();
  expect(await repository.resolve(main)).toBe(commit);
  expect(await place.bare.resolve(main)).toBe(commit);
});

test.each([
  ["nobody", undefined],
  ["another authority", "other.crt"],
])("where forge.yaml names %s neither believes it, and both say what to do", async (_name, file) => {
  makeAuthority(place.folder, "other");
  const { forge, repository } = await place.open("slipway", file === undefined ? undefined : await place.trust(file));
  const message = expect.stringMatching(/certificate.*forge\.yaml's certificateAuthority names the file/s);
  await expect(forge.caller?.()).rejects.toMatchObject({ code: "forge-unreachable", message });
  await expect(repository.fetch()).rejects.toMatchObject({ code: "git-remote-failed", message });
});
