import { parse } from "yaml";
import { renderEnvironment } from "#charts/render.ts";
import { renderInput, fleet as samples } from "./inputs.ts";

export type Files = ReadonlyMap<string, string>;
// biome-ignore lint/suspicious/noExplicitAny: parsed manifests, whose shape the schemas check.
export type Manifest = any;

/** What the samples are rendered as. */
export const files = renderEnvironment(renderInput(...samples));

export function manifest(path: string, from: Files = files): Manifest {
  const text = from.get(path);
  if (text === undefined) throw new Error(`${path} was not rendered`);
  return parse(text);
}

export function manifests(from: Files = files): readonly Manifest[] {
  return [...from.values()].map((text) => parse(text));
}

/** Whether a selector takes an object with these labels. */
export function matches(selector: { [key: string]: string }, labels: { [key: string]: string }): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}
