// What an image is made of, as SPDX 2.3 [spdx.github.io/spdx-spec/v2.3].
import { createHash } from "node:crypto";

export interface Component {
  /** As a package URL names it: `pkg:npm/mqtt@5.16.0`, `pkg:deb/debian/libc6@2.36-9`. */
  readonly purl: string;
  readonly name: string;
  readonly version: string;
  /** An SPDX expression; absent where the source does not say it as one. */
  readonly license?: string;
}

/** Same components, same bytes: the document's time is the epoch, its name the digest of what it lists. */
export function spdx(image: string, version: string, components: readonly Component[]): string {
  // One package may stand in several places.
  const distinct = new Map(components.map((component) => [component.purl, component]));
  const sorted = [...distinct.values()].sort((a, b) => (a.purl < b.purl ? -1 : 1));
  const packages = sorted.map(({ purl, name, version: versionInfo, license }) => ({
    SPDXID: idOf(purl),
    name,
    versionInfo,
    downloadLocation: "NOASSERTION",
    filesAnalyzed: false,
    licenseConcluded: "NOASSERTION",
    licenseDeclared: license ?? "NOASSERTION",
    copyrightText: "NOASSERTION",
    externalRefs: [{ referenceCategory: "PACKAGE-MANAGER", referenceType: "purl", referenceLocator: purl }],
  }));
  const digest = createHash("sha256").update(JSON.stringify(packages)).digest("hex").slice(0, 32);
  const document = {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: image,
    documentNamespace: `https://slipway.dev/sbom/${image}/${digest}`,
    creationInfo: { created: "1970-01-01T00:00:00Z", creators: [`Tool: slipway-${version}`] },
    packages,
    relationships: sorted.map(({ purl }) => ({
      spdxElementId: "SPDXRef-DOCUMENT",
      relationshipType: "DESCRIBES",
      relatedSpdxElement: idOf(purl),
    })),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

function idOf(purl: string): string {
  return `SPDXRef-${purl.slice("pkg:".length).replaceAll(/[^A-Za-z0-9.-]/g, "-")}`;
}
