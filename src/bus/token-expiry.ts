/** The `exp` of a JSON Web Token, seconds since the epoch; undefined for a password that is none. Nothing is verified. */
export function expiryOf(token: string): number | undefined {
  try {
    const { exp }: { exp?: unknown } = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"));
    return typeof exp === "number" && Number.isSafeInteger(exp) ? exp : undefined;
  } catch {
    return undefined;
  }
}
