/** What to do about a fault, by its code. */
const advices: { readonly [code: string]: string } = {
  "git-failed":
    "look at the cause; is git installed (`git --version`), the disk full, or the state directory not writable?",
  "git-missing":
    "install Git (https://git-scm.com/downloads), and look whether `git --version` answers in this terminal",
  "git-too-old": "install a newer Git (https://git-scm.com/downloads); `git --version` says which one is found",
  "package-missing": "run `npm ci` in slipway's folder: after a `git pull` there may be new packages",
  "state-unwritable": "name another with --state or $SLIPWAY_STATE",
  "lock-failed": "is the state directory writable? Name another with --state",
  "build-failed": "install the dependencies again (`npm ci`); if you changed src/, mend what the message names",
  "port-in-use": "end what listens there, or name another port",
  "bus-unreachable": "is `slipway up` running? It starts the bus",
  "client-missing":
    "run `npm install` with the name of that package, beside slipway: only what looks at a cluster needs it",
  "kubeconfig-unreadable":
    "name the file that kubectl uses, as a rule ~/.kube/config; `kubectl config view --kubeconfig <file>` says what is in it",
  "token-unreadable": "is whatever writes the token still running, and may you read the file?",
  "credential-plugin-failed":
    "run `kubectl --kubeconfig <file> get pods`, which asks the same program, and sign in as it says; then again",
  "cluster-unreachable":
    "does `kubectl --kubeconfig <file> get pods` answer? Of what is forbidden, docs/operations.md (Looking at it) says which roles to bind; else mend the way to the cluster, or who the file signs in as",
  "package-broken": "install the package again (`npm ci`)",
  bug: "run it again with --debug and report what it prints",
};

export function adviceFor(code: string): string {
  return advices[code] ?? "run it again: every command converges when it is repeated; --debug prints the details";
}
