import type { Authenticated } from "../../identity/types.ts";
import type { Deps } from "../deps.ts";
import { bearerToken, checkDoor } from "../door.ts";
import type { Arrived, Identified } from "../exchange.ts";

/** Says who asks: framing and headers first, then one bearer token. Nobody anonymous gets past this step. */
export function identify(exchange: Arrived, deps: Deps): Identified | Promise<Identified> {
  checkDoor(exchange.req);
  const authenticated = deps.authenticator.authenticate(bearerToken(exchange.req), "data");
  const named = ({ identity, session }: Authenticated): Identified => Object.assign(exchange, { identity, session });
  return authenticated instanceof Promise ? authenticated.then(named) : named(authenticated);
}
