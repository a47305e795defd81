import { describe } from "vitest";
import { busRightsContract } from "../contract/bus-rights.ts";
import { aedes } from "./aedes.ts";

describe("the embedded broker: rights", () => busRightsContract(aedes));
