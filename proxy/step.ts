import type { Deps } from "./deps.ts";

/** One step of the data path: takes the exchange as the former step's type and returns it as the next one's. */
export type Step<In, Out> = (exchange: In, deps: Deps) => Out | Promise<Out>;

/** A list of steps whose types were checked against each other. */
export interface Path<In, Out> {
  readonly steps: readonly Step<never, unknown>[];
  readonly in?: In;
  readonly out?: Out;
}

/** The compiler refuses a list in which a step would get an exchange that the former steps did not make. */
export function path<A, B, C, D, E, F, G, H, I, J, K, L, M>(
  ...steps: [
    Step<A, B>,
    Step<B, C>,
    Step<C, D>,
    Step<D, E>,
    Step<E, F>,
    Step<F, G>,
    Step<G, H>,
    Step<H, I>,
    Step<I, J>,
    Step<J, K>,
    Step<K, L>,
    Step<L, M>,
  ]
): Path<A, M> {
  return { steps };
}

/**
 * Thrown when the API server refused our precondition: what was judged is no longer what is stored, so the
 * exchange goes back to be gathered and judged again (design §2, "Forward what was judged").
 */
export class JudgeAgain extends Error {
  constructor() {
    super("what was judged is no longer what is stored");
    this.name = "JudgeAgain";
  }
}

/** What the record says of an exchange whose client left. */
export const CLIENT_GONE = "the client closed its connection";

/** Thrown when nobody is left to answer: the client closed its connection. */
export class ClientGone extends Error {
  constructor() {
    super(CLIENT_GONE);
    this.name = "ClientGone";
  }
}
