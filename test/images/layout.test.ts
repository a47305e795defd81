import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { afterEach, expect, test } from "vitest";
import { digestOf, type Image, type ImageConfig, layer, writeLayout } from "../../images/layout.ts";
import { nameImages } from "../../images/name-images.ts";
import { imageConfigs } from "../../images/recipes.ts";
import { spdx } from "../../images/sbom.ts";
import { type Entry, tar } from "../../images/tar.ts";

const root = join(import.meta.dirname, "../..");
const folders: string[] = [];
const temporary = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "slipway-images-"));
  folders.push(folder);
  return folder;
};
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const file = (path: string, text: string, mode = 0o644): Entry => ({ path, mode, content: Buffer.from(text) });

test("what tar unpacks is what was packed, modes and links too", () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9._-]{0,60}$/);
  const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => `d/${names.join("/")}.txt`);
  const files = fc.dictionary(path, fc.tuple(fc.uint8Array({ maxLength: 1500 }), fc.constantFrom(0o644, 0o755)));
  fc.assert(
    fc.property(files, (wanted) => {
      const paths = Object.keys(wanted);
      fc.pre(paths.every((one) => !paths.some((other) => other.startsWith(`${one}/`))));
      const folder = temporary();
      const entries = Object.entries(wanted).map(([at, [content, mode]]) => ({ path: at, mode, content }));
      const archive = join(folder, "a.tar");
      writeFileSync(archive, tar([...entries, { path: "link", mode: 0o777, link: "d" }]));
      mkdirSync(join(folder, "out"));
      execFileSync("tar", ["-xf", archive, "-C", join(folder, "out"), "--no-same-owner"]);
      for (const { path: at, mode, content } of entries) {
        const found = join(folder, "out", at);
        expect(readFileSync(found).equals(content)).toBe(true);
        expect(statSync(found).mode & 0o777).toBe(mode);
      }
      expect(statSync(join(folder, "out", "link"), { throwIfNoEntry: false })?.isDirectory() ?? true).toBe(true);
    }),
    { numRuns: 25 },
  );
});

test("the order of entries does not change the bytes, their contents do", () => {
  const [a, b] = [file("a", "1"), file("b/c", "2")];
  expect(tar([a, b]).equals(tar([b, a]))).toBe(true);
  expect(tar([a, b]).equals(tar([a, file("b/c", "3")]))).toBe(false);
});

test("a path that no archive can hold is refused, not cut off", () => {
  expect(() => tar([file(`${"x".repeat(101)}`, "")])).toThrow("too long for an archive");
});

const image = (name: string, text: string): Image => ({
  name,
  layers: [layer([file("base", "shared")]), layer([file("app/main.mjs", text)])],
  config: { entrypoint: ["/app"], env: { A: "1" }, workingDir: "/", ports: [8081], labels: { title: name } },
});

test("two builds are the same bytes, and images share the layers that are the same", () => {
  const [one, two] = [temporary(), temporary()];
  const images = [image("slipway/executor", "x"), image("registry.example/slipway/feed", "y")];
  const written = writeLayout(one, images, "amd64");
  expect(writeLayout(two, images, "amd64")).toEqual(written);
  const blobs = readdirSync(join(one, "blobs/sha256"));
  expect(blobs).toEqual(readdirSync(join(two, "blobs/sha256")));
  // Two manifests, two configurations, three layers.
  expect(blobs).toHaveLength(7);
  for (const blob of blobs) expect(digestOf(readFileSync(join(one, "blobs/sha256", blob)))).toBe(`sha256:${blob}`);
  expect(readFileSync(join(one, "index.json"))).toEqual(readFileSync(join(two, "index.json")));
});

test("an image runs as nobody, its layers unpack to what its configuration says, and containerd gets its whole name", () => {
  const folder = temporary();
  const [written] = writeLayout(folder, [image("slipway/executor", "x")], "amd64");
  const read = (digest: string) => readFileSync(join(folder, "blobs/sha256", digest.slice(7)));
  const manifest = JSON.parse(read(written?.digest ?? "").toString());
  const config = JSON.parse(read(manifest.config.digest).toString());
  expect(config.config).toMatchObject({ User: "65532:65532", Env: ["A=1"], ExposedPorts: { "8081/tcp": {} } });
  const unpacked = manifest.layers.map(({ digest }: { digest: string }) => digestOf(gunzipSync(read(digest))));
  expect(config.rootfs.diff_ids).toEqual(unpacked);
  const index = JSON.parse(readFileSync(join(folder, "index.json"), "utf8"));
  expect(index.manifests[0].annotations["io.containerd.image.name"]).toBe(
    `docker.io/slipway/executor@${written?.digest}`,
  );
});

test("digests come to where an environment names our images, and nowhere else", () => {
  const [old, now] = [`sha256:${"0".repeat(64)}`, `sha256:${"1".repeat(64)}`];
  const text = `a: "slipway/executor@${old}"\nb: other.example/x/executor@${old}\nc: slipway/unknown@${old}\n`;
  expect(nameImages(text, [{ name: "reg.example:5000/slipway/executor", digest: now, size: 1 }])).toBe(
    `a: "reg.example:5000/slipway/executor@${now}"\nb: reg.example:5000/slipway/executor@${now}\nc: slipway/unknown@${old}\n`,
  );
});

test("the bill of materials is SPDX, sorted, and a function of what it lists", () => {
  const npm = { purl: "pkg:npm/mqtt@5.16.0", name: "mqtt", version: "5.16.0", license: "MIT" };
  const deb = { purl: "pkg:deb/debian/libc6@2.36-9", name: "libc6", version: "2.36-9" };
  expect(spdx("slipway-executor", "1.0.0", [npm, deb])).toBe(spdx("slipway-executor", "1.0.0", [deb, npm]));
  const { spdxVersion, packages, relationships } = JSON.parse(spdx("slipway-executor", "1.0.0", [npm, deb]));
  expect(spdxVersion).toBe("SPDX-2.3");
  expect(
    packages.map(({ name, licenseDeclared }: { name: string; licenseDeclared: string }) => [name, licenseDeclared]),
  ).toEqual([
    ["libc6", "NOASSERTION"],
    ["mqtt", "MIT"],
  ]);
  expect(relationships).toHaveLength(2);
});

test("the Containerfile names each image as the builder does: how it starts, environment, ports, labels", () => {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  expect(stagesOf(readFileSync(join(root, "images/Containerfile"), "utf8"))).toEqual(imageConfigs(version));
});

/** What its targets say, by name; `npm run test:images` builds them. */
function stagesOf(text: string): { readonly [name: string]: unknown } {
  const stages: { [name: string]: ImageConfig } = {};
  let stage: ImageConfig | undefined;
  const words = (rest: string) => [...rest.matchAll(/(?<name>[^\s=]+)=(?:"(?<quoted>[^"]*)"|(?<plain>\S*))/g)];
  const pairs = (rest: string) =>
    Object.fromEntries(words(rest).map(({ groups = {} }) => [groups["name"], groups["quoted"] ?? groups["plain"]]));
  for (const line of text.split("\n")) {
    const [, word = "", rest = ""] = /^([A-Z]+) (.*)$/.exec(line) ?? [];
    if (word === "FROM") {
      const [base = "", , name = ""] = rest.split(" ");
      const none: ImageConfig = { entrypoint: [], env: {}, workingDir: "", ports: [], labels: {} };
      stage = stages[name] = stages[base] ?? none;
    }
    if (stage === undefined) continue;
    const own = Object.keys(stages).at(-1) ?? "";
    if (word === "ENV") stage = { ...stage, env: { ...stage.env, ...pairs(rest) } };
    if (word === "LABEL") stage = { ...stage, labels: { ...stage.labels, ...pairs(rest) } };
    if (word === "WORKDIR") stage = { ...stage, workingDir: rest };
    if (word === "EXPOSE") stage = { ...stage, ports: rest.split(" ").map(Number) };
    if (word === "ENTRYPOINT") stage = { ...stage, entrypoint: JSON.parse(rest) };
    stages[own] = stage;
  }
  const { nats: _nats, trees: _trees, node: _node, ...targets } = stages;
  return targets;
}
