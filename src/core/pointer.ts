/** Parts of a JSON pointer (RFC 6901); the root has none. */
export function pointerParts(pointer: string): readonly string[] {
  return pointer === ""
    ? []
    : pointer
        .slice(1)
        .split("/")
        .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

export function pointerTo(parent: string, part: string | number): string {
  return `${parent}/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

/** The pointer one level up; the root's is the root. */
export function pointerParent(pointer: string): string {
  return pointer.slice(0, Math.max(0, pointer.lastIndexOf("/")));
}

/** A pointer as a person says it: `/spec/limits/instruments/2` is `limits.instruments[2]`. */
export function pointerLabel(pointer: string): string {
  const parts = pointerParts(pointer);
  if (parts.length === 0) return "the document";
  const shown = parts[0] === "spec" && parts.length > 1 ? parts.slice(1) : parts;
  let text = "";
  for (const part of shown) {
    if (/^[0-9]+$/.test(part) && text !== "") text += `[${part}]`;
    else text += `${text === "" ? "" : "."}${part}`;
  }
  return text;
}
