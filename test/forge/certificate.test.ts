// Whose certificate is believed of a forge: by its interface and by Git alike.
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
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

/** A machine of our own making, as far as it concerns whom it believes: a folder in the place of the system's. */
const ownSystem = ["--user", "--map-root-user", "--mount", "--", "/bin/sh", "-c"];
const able = spawnSync("unshare", [...ownSystem, "test -d /etc/ssl/certs"]).status === 0;

describe.skipIf(!able)(
  "where the system itself knows who signed the forge's certificate (needs user namespaces)",
  () => {
    test.each([
      { name: "no authority", named: undefined, become: ["believed", "believed"] },
      { name: "another one", named: ["other"], become: ["forge-unreachable", "git-remote-failed"] },
      { name: "both", named: ["other", "authority"], become: ["believed", "believed"] },
    ])("and forge.yaml names $name, interface and Git do the same", async ({ named, become }) => {
      const { folder, url } = place;
      makeAuthority(folder, "other");
      const texts = (named ?? []).map((name) => readFileSync(join(folder, `${name}.crt`), "utf8"));
      writeFileSync(join(folder, "named.crt"), texts.join(""));
      const [system, signer] = [join(folder, "system"), join(folder, "authority.crt")];
      mkdirSync(system);
      const hash = execFileSync("openssl", ["x509", "-hash", "-noout", "-in", signer], { encoding: "utf8" }).trim();
      // Where the libraries look that Git may speak TLS by.
      for (const name of ["ca-certificates.crt", `${hash}.0`]) copyFileSync(signer, join(system, name));
      const ask = [process.execPath, join(import.meta.dirname, "ask-forge.ts"), url, folder];
      const asked = await output(
        "unshare",
        [
          ...[...ownSystem, `mount --bind "$0" /etc/ssl/certs && exec "$@"`, system, ...ask],
          ...(named === undefined ? [] : ["named.crt"]),
        ],
        { NODE_EXTRA_CA_CERTS: signer },
      );
      expect(JSON.parse(asked)).toEqual({ interface: become[0], git: become[1] });
    });
  },
);

function output(program: string, argv: readonly string[], variables: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = { PATH: process.env["PATH"], NODE_NO_WARNINGS: "1", ...variables };
    execFile(program, argv, { env, timeout: 60_000 }, (error, stdout) =>
      error === null ? resolve(stdout) : reject(error),
    );
  });
}
