/**
 * - `before`: the connection ends and nothing was done; `after`: it was done, and the connection ends;
 * - `hang`: nothing was done, and no answer comes; `500`, `422`: so it is answered, and nothing was done.
 */
export type How = "before" | "after" | "hang" | "500" | "422";
/** Asked before a request is carried out (false: it never is), and before it is answered; it waits for the answer. */
export type Watch = (method: string, path: string, phase: "before" | "after") => boolean | Promise<boolean>;
export interface Match {
  method: string;
  path: RegExp;
}

/** What goes wrong on the way to GitHub, when a test says so. */
export class Faults {
  isDown = false;
  isHanging = false;
  watch: Watch | undefined;
  readonly #next: { match: Match; how: How }[] = [];

  down(): void {
    this.isDown = true;
  }
  /** All that is asked from now on gets no answer, until `up`. */
  hang(): void {
    this.isHanging = true;
  }
  up(): void {
    this.isDown = false;
    this.isHanging = false;
  }
  /** The next request that matches, and that one only. */
  next(match: Match, how: How): void {
    this.#next.push({ match, how });
  }

  take(method: string, path: string): How | undefined {
    if (this.isDown) return "before";
    if (this.isHanging) return "hang";
    const at = this.#next.findIndex(({ match }) => match.method === method && match.path.test(path));
    return at < 0 ? undefined : this.#next.splice(at, 1)[0]?.how;
  }
}
