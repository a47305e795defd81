/**
 * A strategy's algorithm as it is deployed, addressed by its content. `module` is one ECMAScript module (TypeScript, bundled);
 * `sha256` is the lower-case hex digest of its UTF-8 bytes. `zip` is a Python folder; `sha256` is that of the archive's bytes
 * before base64. `none`: the algorithm is elsewhere and is reached over RPC.
 *
 * `map` leads from places in the module to the author's files: a source map, version 3, as JSON, with `code` naming the module it belongs to by
 * its `sha256`. It is no part of the content that is addressed: a comment more moves lines, and the code stays the same.
 */
export type AlgorithmBundle =
  | { readonly kind: "module"; readonly text: string; readonly sha256: string; readonly map?: string }
  | { readonly kind: "zip"; readonly base64: string; readonly sha256: string }
  | { readonly kind: "none" };
