import type { WrittenImage } from "./layout.ts";

/**
 * Puts digests into the text of an environment: each image of ours that it names, whatever its registry and digest, becomes the one that was built.
 * An image is known by its last word, `executor` of `registry.example/team/executor@sha256:…`.
 */
export function nameImages(text: string, images: readonly WrittenImage[]): string {
  const byWord = new Map(images.map((image) => [image.name.split("/").at(-1), image]));
  return text.replaceAll(/(?:[a-z0-9][a-z0-9._:-]*\/)+(?<word>[a-z]+)@sha256:[0-9a-f]{64}/g, (found, word: string) => {
    const image = byWord.get(word);
    return image === undefined ? found : `${image.name}@${image.digest}`;
  });
}
