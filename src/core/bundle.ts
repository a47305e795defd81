/**
 * A strategy's algorithm as it is deployed, addressed by its content. `module` is one ECMAScript module (TypeScript, bundled);
 * `sha256` is the lower-case hex digest of its UTF-8 bytes. `zip` is a Python folder; `sha256` is that of the archive's bytes
 * before base64. `none`: the algorithm is elsewhere and is reached over RPC.
 */
export type AlgorithmBundle =
  | { readonly kind: "module"; readonly text: string; readonly sha256: string }
  | { readonly kind: "zip"; readonly base64: string; readonly sha256: string }
  | { readonly kind: "none" };
