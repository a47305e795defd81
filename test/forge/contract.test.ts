import { describe } from "vitest";
import { forgeContract } from "../contract/forge-contract.ts";
import { judgementContract } from "../contract/forge-judgement-contract.ts";
import { openLocal } from "./fixture.ts";

describe("the local forge", () => {
  forgeContract(openLocal);
  judgementContract(openLocal);
});
