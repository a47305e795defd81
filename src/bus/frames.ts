/** Why a byte stream is cut, or undefined while it is fine. */
export type FrameGuard = (chunk: Uint8Array) => string | undefined;

/**
 * Watches the lengths of MQTT packets as they arrive [MQTT-2.2.3]. The parser behind it collects a packet up to 256 MB before anyone
 * is asked; this says no at the header.
 *
 * @param begun told the first byte of each packet
 */
export function frameGuard(bytesMax: number, begun: (first: number) => void = () => undefined): FrameGuard {
  let rest = 0; // Bytes of the current packet still to come.
  let header = 0; // Bytes of the fixed header seen; 0 is before the first.
  let length = 0;
  return (chunk) => {
    let at = 0;
    while (at < chunk.length) {
      if (rest > 0) {
        const taken = Math.min(rest, chunk.length - at);
        rest -= taken;
        at += taken;
        continue;
      }
      const byte = chunk[at] ?? 0;
      at += 1;
      if (header === 0) {
        header = 1;
        length = 0;
        begun(byte);
        continue;
      }
      length += (byte & 0x7f) * 128 ** (header - 1);
      header += 1;
      if (length > bytesMax) return `a packet of more than ${bytesMax} bytes`;
      if ((byte & 0x80) === 0) {
        rest = length;
        header = 0;
      } else if (header > 4) return "a malformed packet length";
    }
    return undefined;
  };
}

/** Where a packet's body begins and how long it is [MQTT-2.2.3]; undefined while that is not all here. A length that is none is endless: who parses says so. */
export function headOf(data: Uint8Array, at: number): { readonly body: number; readonly length: number } | undefined {
  let length = 0;
  for (let index = 1; index <= 4; index += 1) {
    const byte = data[at + index];
    if (byte === undefined) return undefined;
    length += (byte & 0x7f) * 128 ** (index - 1);
    if ((byte & 0x80) === 0) return { body: at + index + 1, length };
  }
  return { body: at + 5, length: Number.POSITIVE_INFINITY };
}
