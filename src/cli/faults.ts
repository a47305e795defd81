/** What to do about a fault, by its code. */
const advices: { readonly [code: string]: string } = {
  "git-failed":
    "look at the cause; is git installed (`git --version`), the disk full, or the state directory not writable?",
  "state-unwritable": "name another with --state or $SLIPWAY_STATE",
  "lock-failed": "is the state directory writable? Name another with --state",
  "build-failed": "install the dependencies again (`npm ci`); if you changed src/, mend what the message names",
  "port-in-use": "end what listens there, or name another port",
  "bus-unreachable": "is `slipway up` running? It starts the bus",
  "package-broken": "install the package again (`npm ci`)",
  bug: "run it again with --debug and report what it prints",
};

export function adviceFor(code: string): string {
  return advices[code] ?? "run it again: every command converges when it is repeated; --debug prints the details";
}
