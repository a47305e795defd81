// All objects that the fences are asked about.
import type { Candidate } from "./candidate.ts";
import { mutatedObjects } from "./objects.ts";
import type { Setting } from "./setting.ts";
import { namespaces, networks } from "./surroundings.ts";
import { boundValues, specVariants } from "./values.ts";

export function corpus(setting: Setting): readonly Candidate[] {
  return [
    ...boundValues(setting),
    ...specVariants(setting),
    ...mutatedObjects(setting),
    ...networks(setting),
    ...namespaces(setting),
  ];
}
