/** Why a request got no answer: `fetch failed` says nothing; what it failed of stands behind it. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  // Of a name with several addresses the message is empty.
  return cause.message === "" && "code" in cause ? String(cause.code) : cause.message;
}
