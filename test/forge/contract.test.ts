import { describe } from "vitest";
import { forgeContract } from "../contract/forge-contract.ts";
import { openLocal } from "./fixture.ts";

describe.each([["local", openLocal] as const])("%s forge", (_name, open) => forgeContract(open));
