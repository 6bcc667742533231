/** `before`: it arrived and nothing was done; `after`: it was done, and is about to be answered. */
export type Phase = "before" | "after";

/** What others see of one flow: the requests that the gateway sends them, each before it is carried out and after. */
export class Points {
  readonly #seen = new Map<string, number>();
  #trap: { at: string; spring: () => Promise<void>; sprung: () => void } | undefined;

  /** How often the gateway came there. */
  count(point: string, phase: Phase): number {
    return this.#seen.get(`${point}, ${phase}`) ?? 0;
  }

  /** When the gateway comes there next, this is done first. Resolves when it is done. */
  trap(point: string, phase: Phase, spring: () => Promise<void>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#trap = { at: `${point}, ${phase}`, spring, sprung: resolve };
    return promise;
  }

  /** Called by whoever is asked. False: a trap was there, and a request that was not carried out yet is lost. */
  async pass(point: string, phase: Phase): Promise<boolean> {
    const at = `${point}, ${phase}`;
    this.#seen.set(at, (this.#seen.get(at) ?? 0) + 1);
    const trap = this.#trap;
    if (trap?.at !== at) return true;
    this.#trap = undefined;
    await trap.spring();
    trap.sprung();
    return false;
  }
}
