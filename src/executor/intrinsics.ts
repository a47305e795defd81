/**
 * Keeps an algorithm from giving new properties to all objects, arrays and the like: it shares them with the process that reads the bus, where one
 * more enumerable property makes every message another one than its schema. What is there can still be replaced, which is at its own risk: packages do
 * it, and the gateway holds the limits whatever happens in here. A strict module, which every bundle is, gets a TypeError at its own line.
 */
export function sealIntrinsics(): void {
  const kinds = [
    Object,
    Function,
    Array,
    String,
    Number,
    Boolean,
    BigInt,
    Symbol,
    Promise,
    Map,
    Set,
    WeakMap,
    WeakSet,
    Date,
    RegExp,
    Error,
  ];
  for (const { prototype } of kinds) Object.preventExtensions(prototype);
}
