import { Refusal } from "../../base/errors.ts";
import type { Authenticated } from "../../identity/types.ts";
import type { Deps } from "../deps.ts";
import type { Arrived, Identified } from "../exchange.ts";
import { bearerToken, checkDoor } from "../listener/door.ts";

/**
 * Says who asks: framing and headers first, then one bearer token. Nobody anonymous gets past this step, or learns
 * which connections there are.
 */
export function identify(exchange: Arrived, deps: Deps): Identified | Promise<Identified> {
  checkDoor(exchange.req);
  const authenticated = deps.authenticator.authenticate(bearerToken(exchange.req), "data");
  const named = ({ identity, session }: Authenticated): Identified => {
    const { connection } = exchange;
    const known = Object.assign(exchange, { identity, session });
    exchange.leave = deps.underWay.enter(identity);
    if (connection !== undefined) return Object.assign(known, { connection });
    throw new Refusal("not-found", "the gateway has no such connection", {
      next: "Check the server in your kubeconfig.",
    });
  };
  return authenticated instanceof Promise ? authenticated.then(named) : named(authenticated);
}
