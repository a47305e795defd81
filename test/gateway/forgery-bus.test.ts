import { describe } from "vitest";
import { aedes } from "../bus/aedes.ts";
import { forgeryContract } from "../contract/forgery.ts";

describe("a hostile executor at the embedded bus", () => forgeryContract(aedes));
