import { describe } from "vitest";
import { busDeliveryContract } from "../contract/bus-delivery.ts";
import { aedes } from "./aedes.ts";

describe("the embedded broker: delivery", () => busDeliveryContract(aedes));
