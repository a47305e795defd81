import { describe } from "vitest";
import { busDeliveryContract } from "../contract/bus-delivery.ts";
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
