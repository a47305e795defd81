const hexDigits = "0123456789abcdef";

/** The ConfigMaps that may exist of one kind of shard; a missing one is empty (docs/decisions/0005). */
export function shardNames(prefix: "bus-access" | "gateway-limits"): readonly string[] {
  return [...hexDigits].map((digit) => `${prefix}-${digit}`);
}

/** Who of the platform itself may do what on the bus. */
export const platformAccessMap = "bus-access-platform";
/** What the gateway holds limits against. */
export const boundsMap = "gateway-bounds";
/** What is halted, and whose orders are closed. */
export const standingMap = "gateway-standing";
