import { describe } from "vitest";
import { busDeliveryContract } from "../contract/bus-delivery.ts";
import { busFloodsContract } from "../contract/bus-floods.ts";
import { busRightsContract } from "../contract/bus-rights.ts";
import { forgeryContract } from "../contract/forgery.ts";
import { mosquitto } from "./mosquitto.ts";
import { nats } from "./nats.ts";
import { natsCluster } from "./nats-cluster.ts";

describe.each([mosquitto, nats, natsCluster])("$name", (kind) => {
  describe("rights", () => busRightsContract(kind));
  describe("delivery", () => busDeliveryContract(kind));
  describe("forgery", () => forgeryContract(kind));
});

// Mosquitto has no count of what one client says; three servers count each for itself, as one does.
describe("nats-server: floods", () => busFloodsContract(nats));
