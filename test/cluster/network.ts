// The network of one node: a namespace with one cable to the host, and no other way out.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import type { Addresses } from "./machine.ts";

/** Makes a network namespace. @returns false where another cluster has one of that name */
export function claimNamespace(namespace: string): boolean {
  try {
    run("ip", ["netns", "add", namespace]);
    return true;
  } catch (cause) {
    if (existsSync(`/run/netns/${namespace}`)) return false;
    throw cause;
  }
}

/** In the namespace that was claimed. */
export function makeNetwork({ index, namespace, host, node, pods, services }: Addresses): void {
  const inside = (...argv: readonly string[]): void => run("nsenter", [`--net=/run/netns/${namespace}`, ...argv]);
  const cable = `slipway${index}h`;
  run("ip", ["link", "add", cable, "type", "veth", "peer", "name", "node", "netns", namespace]);
  run("ip", ["addr", "add", `${host}/30`, "dev", cable]);
  run("ip", ["link", "set", cable, "up"]);
  // Without these routes a test's request to a pod would leave by the machine's own way out.
  for (const range of [pods, services]) run("ip", ["route", "add", range, "via", node, "dev", cable, "onlink"]);
  inside("ip", "link", "set", "lo", "up");
  inside("ip", "addr", "add", `${node}/30`, "dev", "node");
  inside("ip", "link", "set", "node", "up");
  // Kubernetes wants one; it ends at the host, which forwards nothing of it.
  inside("ip", "route", "add", "default", "via", host);
  inside("sysctl", "-qw", "net.ipv4.ip_forward=1");
  // Not there where bridges are not filtered at all.
  tryRun("nsenter", [`--net=/run/netns/${namespace}`, "sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=1"]);
}

export function dropNetwork({ index, namespace, pods }: Addresses): void {
  const prefix = pods.slice(0, pods.lastIndexOf("."));
  for (const name of lines("ip", ["netns", "list"]).flatMap((line) => /^(cni-\S+)/.exec(line)?.[1] ?? [])) {
    const addresses = lines("nsenter", [`--net=/run/netns/${name}`, "ip", "-4", "-br", "addr"]);
    if (addresses.some((line) => line.includes(` ${prefix}.`))) tryRun("ip", ["netns", "del", name]);
  }
  if (existsSync(`/run/netns/${namespace}`)) tryRun("ip", ["netns", "del", namespace]);
  tryRun("ip", ["link", "del", `slipway${index}h`]);
}

function run(program: string, argv: readonly string[]): void {
  execFileSync(program, argv, { stdio: ["ignore", "ignore", "pipe"], timeout: 30_000 });
}

function tryRun(program: string, argv: readonly string[]): void {
  try {
    run(program, argv);
  } catch {
    // Gone already, or never there.
  }
}

function lines(program: string, argv: readonly string[]): readonly string[] {
  try {
    return execFileSync(program, argv, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).split("\n");
  } catch {
    return [];
  }
}
