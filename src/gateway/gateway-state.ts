import type { GatewayStateMessage, Unstamped } from "#core/messages.ts";

/** The schema's bound. */
const reasonLengthMax = 600;

/** What `gw/state` says. @param reason why it takes no orders; undefined: it takes them */
export function gatewayState(reason: string | undefined, atMs: number): Unstamped<GatewayStateMessage> {
  return {
    ...{ v: 1, type: "gateway-state", state: reason === undefined ? "online" : "offline" },
    ...{ ...(reason === undefined ? {} : { reason: reason.slice(0, reasonLengthMax) }), atMs },
  };
}

/** In its will: only its log knows more. */
export const cutOff = "its connection to the bus ended without a word; its log says more if it failed";
