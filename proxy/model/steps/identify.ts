import { checkDoor } from "../../listener/door.ts";
import type { ModelDeps } from "../deps.ts";
import type { ModelArrived, ModelIdentified } from "../exchange.ts";
import { callerToken } from "../token.ts";

/** Says who asks, as on the cluster's side: nobody anonymous gets past this step. */
export async function identify(exchange: ModelArrived, deps: ModelDeps): Promise<ModelIdentified> {
  checkDoor(exchange.req);
  const { identity, session } = await deps.authenticator.authenticate(callerToken(exchange.req), "data");
  const named = Object.assign(exchange, { identity, session });
  exchange.leave = deps.underWay.enter(identity);
  return named;
}
