// Topics and filters as MQTT 3.1.1 section 4.7 has them.

const lengthMax = 65_535;

/** A name a message can be published to: no wildcard, no NUL, 1 to 65535 characters. */
export function isTopic(text: string): boolean {
  return text.length > 0 && text.length <= lengthMax && !/[+#\0]/.test(text);
}

/** Levels of any characters or one `+`, and `#` as the last one at most. */
const filterForm = /^(?:(?:\+|[^+#/\0]*)\/)*(?:[+#]|[^+#/\0]*)$/;

/** Wildcards fill a whole level, and `#` is the last one [MQTT-4.7.1-2, MQTT-4.7.1-3]. */
export function isFilter(text: string): boolean {
  return text.length > 0 && text.length <= lengthMax && filterForm.test(text);
}

/** Whether a message to `topic` reaches a subscriber of `filter`. A malformed one never does. */
export function topicMatches(filter: string, topic: string): boolean {
  return isTopic(topic) && filterContains(filter, topic);
}

/**
 * Whether every topic that `filter` stands for is also one of `rule`. A malformed filter is in no rule. It makes no copies: a client with many
 * filters and as many rules asks it often enough at its start that those were all that its memory grew by.
 */
export function filterContains(rule: string, filter: string): boolean {
  if (!isFilter(rule) || !isFilter(filter)) return false;
  // A wildcard at the first level does not reach `$SYS` and the like [MQTT-4.7.2-1].
  if (filter.startsWith("$") && (rule[0] === "+" || rule[0] === "#")) return false;
  let outer = 0;
  let inner = 0;
  while (outer <= rule.length) {
    if (rule[outer] === "#") return true; // It also stands for the level above: `a/#` reaches `a`.
    if (inner > filter.length) return false;
    if (filter[inner] === "#") return outer === 0 && rule === "+/#"; // Every topic has a first level.
    const [outerEnd, innerEnd] = [levelEnd(rule, outer), levelEnd(filter, inner)];
    if (rule[outer] !== "+" && !isSame(rule, outer, outerEnd, filter, inner, innerEnd)) return false;
    outer = outerEnd + 1;
    inner = innerEnd + 1;
  }
  return inner > filter.length;
}

/** Where the level that begins at `from` ends. */
function levelEnd(text: string, from: number): number {
  const end = text.indexOf("/", from);
  return end < 0 ? text.length : end;
}

function isSame(a: string, from: number, end: number, b: string, bFrom: number, bEnd: number): boolean {
  if (end - from !== bEnd - bFrom) return false;
  for (let at = from; at < end; at += 1) if (a.charCodeAt(at) !== b.charCodeAt(at - from + bFrom)) return false;
  return true;
}
