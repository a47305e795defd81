/**
 * Ids of commits and digests follow from everything in the repository; where they stand is what matters. What the manifests hold is looked at in the
 * golden manifests; here their names are enough.
 */
export function maskedComment(comment: string): string {
  return comment
    .replace(/(?<=^```+diff\n)[\s\S]*?(?=\n```)/gm, (diff) =>
      diff
        .split("\n")
        .filter((line) => line.startsWith("diff --git "))
        .join("\n"),
    )
    .replace(/(?<=-)[0-9a-f]{10}(?=\.yaml)/g, "0000000000")
    .replace(/(?<=\d of )\d+(?= objects)/g, "all")
    .replace(/(?<=\b(?:base|head|tree|policy) )[0-9a-f]{7}\b/g, "0000000")
    .replace(/(?<=approvals(?: for)? )[0-9a-f]{12}\b/g, "000000000000")
    .replace(/(?<=slipway proposal )\d+/g, "1")
    .replace(/(?<=slipway (?:approve|merge) )\d+/g, "1")
    .replace(/\b[0-9a-f]{40,64}\b/g, "0".repeat(40));
}
