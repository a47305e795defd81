import { describe } from "vitest";
import { busFloodsContract } from "../contract/bus-floods.ts";
import { aedes } from "./aedes.ts";

describe("the embedded broker: floods", () => busFloodsContract(aedes));
