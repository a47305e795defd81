// Topics and filters as MQTT 3.1.1 section 4.7 has them.

const lengthMax = 65_535;

/** A name a message can be published to: no wildcard, no NUL, 1 to 65535 characters. */
export function isTopic(text: string): boolean {
  return text.length > 0 && text.length <= lengthMax && !/[+#\0]/.test(text);
}

/** Wildcards fill a whole level, and `#` is the last one [MQTT-4.7.1-2, MQTT-4.7.1-3]. */
export function isFilter(text: string): boolean {
  if (text.length === 0 || text.length > lengthMax || text.includes("\0")) return false;
  const levels = text.split("/");
  return levels.every((level, index) => {
    if (level === "+") return true;
    if (level === "#") return index === levels.length - 1;
    return !/[+#]/.test(level);
  });
}

/** Whether a message to `topic` reaches a subscriber of `filter`. A malformed one never does. */
export function topicMatches(filter: string, topic: string): boolean {
  return isTopic(topic) && filterContains(filter, topic);
}

/** Whether every topic that `filter` stands for is also one of `rule`. A malformed filter is in no rule. */
export function filterContains(rule: string, filter: string): boolean {
  if (!isFilter(rule) || !isFilter(filter)) return false;
  const outer = rule.split("/");
  const inner = filter.split("/");
  // A wildcard at the first level does not reach `$SYS` and the like [MQTT-4.7.2-1].
  if (filter.startsWith("$") && (outer[0] === "+" || outer[0] === "#")) return false;
  for (const [index, level] of outer.entries()) {
    if (level === "#") return true; // It also stands for the level above: `a/#` reaches `a`.
    const found = inner[index];
    if (found === undefined) return false;
    if (found === "#") return index === 0 && level === "+" && outer[1] === "#"; // Every topic has a first level.
    if (level !== "+" && level !== found) return false;
  }
  return inner.length === outer.length;
}
