/** Of all tunnels together: far below the recorder's own limit, past which it refuses. */
const LIMIT_BYTES = 8 * 1024 * 1024;

/**
 * How much of what runs through tunnels may wait for the disk. Where there is no room a tunnel stops reading until
 * there is, so that neither an event is lost nor memory grows, however fast its ends are.
 */
export class StreamRoom {
  #waiting = 0;
  readonly #limit: number;
  readonly #resume = new Set<() => void>();
  constructor(limit = LIMIT_BYTES) {
    this.#limit = limit;
  }

  get full(): boolean {
    return this.#waiting > this.#limit;
  }

  take(bytes: number): void {
    this.#waiting += bytes;
  }

  give(bytes: number): void {
    this.#waiting -= bytes;
    if (this.full) return;
    const resume = [...this.#resume];
    this.#resume.clear();
    for (const go of resume) go();
  }

  /** Calls back once, when there is room. */
  whenRoom(go: () => void): void {
    this.#resume.add(go);
  }

  forget(go: () => void): void {
    this.#resume.delete(go);
  }
}
