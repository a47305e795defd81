/** The committer of everything that Slipway writes by itself, merges and rendered manifests alike. `.invalid` (RFC 2606) is nobody's. */
export const slipwayIdentity = { name: "Slipway", email: "slipway@slipway.invalid" } as const;
