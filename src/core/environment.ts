export type { EnvironmentDocument } from "./environment.generated.ts";
