import { expect, test } from "vitest";
import { parseForge } from "#core/forge-document.ts";

const text = (more: string): string =>
  `apiVersion: slipway.dev/v1\nkind: Forge\nspec:\n  repository: acme/strategies\n  writer: slipway\n${more}`;
const codes = (more: string): readonly string[] =>
  parseForge("forge.yaml", text(more)).findings.map(({ code, place }) => `${place?.line} ${code}`);

test.each([
  { name: "beside forge.yaml", more: "  certificateAuthority: ca.crt" },
  { name: "in a folder", more: "  certificateAuthority: pki/acme-2026.pem" },
  { name: "of the machine", more: "  certificateAuthority: /usr/local/share/ca-certificates/acme.crt" },
])("an authority $name", ({ more }) =>
  expect(codes(`  provider: gitea\n  url: https://git.example\n${more}\n`)).toEqual([]),
);

test.each([
  { name: "an authority that is no path", more: "  certificateAuthority: ca crt" },
  { name: "an authority without a name", more: '  certificateAuthority: ""' },
  { name: "a folder", more: "  certificateAuthority: pki/" },
])("$name is refused", ({ more }) =>
  expect(codes(`  provider: gitea\n  url: https://git.example\n${more}\n`)).toEqual(["8 value-malformed"]),
);

test("an authority where nothing shows a certificate is refused, and a token on an open line", () => {
  const authority = "  certificateAuthority: ca.crt\n";
  expect(codes(`  provider: gitea\n  url: http://127.0.0.1:3000\n${authority}`)).toEqual(["8 authority-unused"]);
  expect(codes(`  provider: gitea\n  url: http://git.example\n`)).toEqual(["7 url-plain"]);
});
