import { describe } from "vitest";
import { busRightsContract } from "../contract/bus-rights.ts";
import { mosquitto } from "./mosquitto.ts";
import { nats } from "./nats.ts";

describe.each([mosquitto, nats])("$name: rights", (kind) => busRightsContract(kind));
