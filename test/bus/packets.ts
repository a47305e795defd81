// Packets of MQTT as bytes.

export function packet(first: number, body: Uint8Array): Buffer {
  const length: number[] = [];
  let rest = body.length;
  do {
    length.push((rest % 128) + (rest >= 128 ? 128 : 0));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return Buffer.concat([Buffer.from([first, ...length]), body]);
}

/** A PUBLISH; `packetId` is of one of QoS 1. */
export function publish(first: number, topic: string, payload: string, packetId = 7): Buffer {
  const name = Buffer.from(topic);
  const id = (first & 0x06) === 0 ? [] : [packetId >> 8, packetId & 255];
  return packet(first, Buffer.concat([Buffer.from([0, name.length]), name, Buffer.from(id), Buffer.from(payload)]));
}
