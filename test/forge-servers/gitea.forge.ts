import { describe } from "vitest";
import { forgeContract } from "../contract/forge-contract.ts";
import { judgementContract } from "../contract/forge-judgement-contract.ts";
import { openGitea } from "./gitea-fixture.ts";

describe("a Gitea", () => {
  forgeContract(() => openGitea());
  judgementContract(() => openGitea());
});
