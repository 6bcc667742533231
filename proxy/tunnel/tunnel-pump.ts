import type { Duplex } from "node:stream";

/** Why a pump does not read: its far end is full, or the record is, or it is the others' turn. */
const FAR_END = 1;
const RECORD = 2;
const TURN = 4;

/** What takes longer to pass than this holds up all the others: header blocks, by the thousand in one chunk. */
const LONG_MS = 5;
/** So many times as long as that the others have the thread. */
const REST = 3;

/**
 * One direction of a tunnel: what is read on one socket is passed through `pass` and written on the other, with
 * back-pressure. It is started by the caller, once.
 */
export class TunnelPump {
  readonly #from: Duplex;
  readonly #to: Duplex;
  readonly #pass: (chunk: Buffer) => readonly Uint8Array[];
  #stopped = 0;

  constructor(from: Duplex, to: Duplex, pass: (chunk: Buffer) => readonly Uint8Array[]) {
    this.#from = from;
    this.#to = to;
    this.#pass = pass;
  }

  /** `early` was read before the tunnel stood. */
  start(early: readonly Buffer[]): void {
    this.#to.on("drain", () => this.#go(FAR_END));
    for (const chunk of early) this.#read(chunk);
    this.#from.on("data", (chunk: Buffer) => this.#read(chunk));
    if (this.#stopped === 0) this.#from.resume();
  }

  write(pieces: readonly Uint8Array[]): void {
    if (pieces.length === 0 || !this.#to.writable) return;
    const [only] = pieces;
    let room = true;
    if (pieces.length === 1 && only !== undefined) room = this.#to.write(only);
    else {
      // One TLS record and one packet for what came as one.
      this.#to.cork();
      for (const piece of pieces) room = this.#to.write(piece) && room;
      this.#to.uncork();
    }
    if (!room) this.#stop(FAR_END);
  }

  holdForRecord(): void {
    this.#stop(RECORD);
  }

  goOn(): void {
    this.#go(RECORD);
  }

  #read(chunk: Buffer): void {
    const begun = performance.now();
    this.write(this.#pass(chunk));
    const took = performance.now() - begun;
    if (took < LONG_MS) return;
    this.#stop(TURN);
    setTimeout(() => this.#go(TURN), took * REST).unref();
  }

  #stop(why: number): void {
    this.#stopped |= why;
    this.#from.pause();
  }

  #go(why: number): void {
    if (this.#stopped === 0) return;
    this.#stopped &= ~why;
    if (this.#stopped === 0) this.#from.resume();
  }
}
