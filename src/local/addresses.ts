import { err, ok, type Result } from "#core/result.ts";
import type { ContainerManifest, ServiceManifest, StatefulSetManifest } from "./manifests.ts";

/** A container port's name here: its own, or its number where it has none. */
export function portName(port: { readonly name?: string; readonly containerPort: number }): string {
  return port.name ?? String(port.containerPort);
}

/** Where a `<service>.<namespace>.svc` and a port lead on this machine, or a sentence why nowhere. */
export type Resolve = (service: string, namespace: string, port: number | undefined) => Result<number, string>;

export interface Placed<Kind> {
  readonly namespace: string;
  readonly manifest: Kind;
}

/** Resolves addresses as a cluster's DNS and Services do: by name, then selector, then target port. */
export function resolver(
  services: ReadonlyMap<string, Placed<ServiceManifest>>,
  statefulSets: readonly Placed<StatefulSetManifest>[],
  hostPort: (namespace: string, statefulSet: string, port: string) => number | undefined,
): Resolve {
  return (name, namespace, wanted) => {
    const address = `${name}.${namespace}.svc${wanted === undefined ? "" : `:${wanted}`}`;
    const service = services.get(`${namespace}/${name}`)?.manifest.spec;
    if (service === undefined)
      return err(
        `no Service ${name} in namespace ${namespace} stands in the environment branch, for the address ${address}`,
      );
    const only = service.ports?.length === 1 ? service.ports[0] : undefined;
    const port = wanted === undefined ? only : service.ports?.find((one) => one.port === wanted);
    if (port === undefined)
      return err(`the Service ${name} in namespace ${namespace} has no such port, for the address ${address}`);
    const target = port.targetPort ?? port.port;
    for (const { namespace: home, manifest } of statefulSets) {
      if (home !== namespace || !matches(service.selector ?? {}, manifest.spec.template.metadata?.labels ?? {}))
        continue;
      for (const container of manifest.spec.template.spec.containers) {
        const found = container.ports?.find((one) => one.name === target || one.containerPort === target);
        const host = found === undefined ? undefined : hostPort(namespace, manifest.metadata.name, portName(found));
        if (host !== undefined) return ok(host);
      }
    }
    return err(
      `no pod with the port ${target} is behind the Service ${name} in namespace ${namespace}, for the address ${address}`,
    );
  };
}

function matches(selector: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): boolean {
  const wanted = Object.entries(selector);
  return wanted.length > 0 && wanted.every(([name, value]) => labels[name] === value);
}

/** Replaces every cluster address in a text by this machine's. */
export function rewriteAddresses(text: string, resolve: Resolve): Result<string, string> {
  let problem: string | undefined;
  const rewritten = text.replace(
    /\b([a-z0-9](?:[a-z0-9-]*[a-z0-9])?)\.([a-z0-9](?:[a-z0-9-]*[a-z0-9])?)\.svc(?:\.cluster\.local)?\b(?::(\d{1,5}))?/g,
    (whole, service: string, namespace: string, port: string | undefined) => {
      const found = resolve(service, namespace, port === undefined ? undefined : Number(port));
      if (found.ok) return `127.0.0.1:${found.value}`;
      problem ??= found.error;
      return whole;
    },
  );
  return problem === undefined ? ok(rewritten) : err(problem);
}

/** Replaces container paths at or below a mount path by the host's; the longest mount wins, and nothing is replaced twice. */
export function rewritePaths(text: string, mounts: ReadonlyMap<string, string>): string {
  if (mounts.size === 0) return text;
  const longestFirst = [...mounts.keys()]
    .sort((a, b) => b.length - a.length)
    .map((path) => path.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  // A path starts a text, follows a scheme (`unix://`, `module:`) or a separator; inside a URL's path it is not ours.
  const pattern = new RegExp(`(^|:\\/\\/|[:=,;\\s"'])(${longestFirst.join("|")})(?=$|[\\/:,;\\s"'])`, "g");
  return text.replace(pattern, (_whole, before: string, path: string) => `${before}${mounts.get(path) ?? path}`);
}

/** `$(NAME)` as the kubelet expands it: a name set before, else left as it is; `$$(` is an escape. */
export function expand(text: string, env: Readonly<Record<string, string>>): string {
  return text.replace(/\$\$\(|\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)/g, (whole, name: string | undefined) => {
    if (name === undefined) return "$(";
    return env[name] ?? whole;
  });
}

/** The variable that tells a process its port: `probe` → `SLIPWAY_PORT_PROBE`. */
export function portVariable(name: string): string {
  return `SLIPWAY_PORT_${name.toUpperCase().replaceAll("-", "_")}`;
}

export type { ContainerManifest };
