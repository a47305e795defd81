import { describe } from "vitest";
import { existing, ownKubectl } from "./existing.ts";

// `SLIPWAY_TEST_KUBECONFIG=<file> npm run test:cluster`: a cluster that is there, instead of one that is started.

const kubeconfig = process.env["SLIPWAY_TEST_KUBECONFIG"];

describe("an existing cluster", () => {
  if (kubeconfig === undefined) throw new Error("SLIPWAY_TEST_KUBECONFIG is not set");
  const { SLIPWAY_TEST_IMAGE: image, SLIPWAY_TEST_SECCOMP: seccomp } = process.env;
  existing(() => ({ kubectl: ownKubectl(), kubeconfig, image, seccomp: seccomp !== undefined }));
});
