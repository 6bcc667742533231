import type { Direction, ParsedFrame, TunnelEvent, TunnelParser } from "../../kubernetes/channels/types.ts";

/** An event as it is the same however the bytes arrived: the parts of a data frame joined. */
export type Said =
  | { kind: "data"; channel: string; stream: number; payload: string; fin: boolean; open?: true }
  | { kind: "opened"; channel: string; stream: number; port?: number; requestId?: number }
  | { kind: "reset"; channel: string; stream: number; status: number }
  | { kind: "closing"; code: number };

export interface Sent {
  direction: Direction;
  bytes: Uint8Array;
}

/** Joins the parts of data frames; the last may be `open`. Throws where parts are out of order. */
export function joined(events: readonly TunnelEvent[]): Said[] {
  const said: Said[] = [];
  let open: { said: Extract<Said, { kind: "data" }>; parts: Uint8Array[] } | undefined;
  for (const event of events) {
    if (event.kind !== "data") {
      said.push(event);
      continue;
    }
    const { channel, stream } = event;
    if (event.first) {
      if (open !== undefined) throw new Error("a frame began inside another");
      open = { said: { kind: "data", channel, stream, payload: "", fin: false }, parts: [] };
    }
    if (open === undefined || open.said.stream !== stream || open.said.channel !== channel)
      throw new Error("a part of no frame");
    open.parts.push(event.payload);
    if (!event.last) {
      if (event.fin) throw new Error("fin before the last part");
      continue;
    }
    open.said.payload = Buffer.concat(open.parts).toString("latin1");
    open.said.fin = event.fin;
    said.push(open.said);
    open = undefined;
  }
  if (open !== undefined) {
    said.push({ ...open.said, payload: Buffer.concat(open.parts).toString("latin1"), open: true });
  }
  return said;
}

/** Pushes all, and says what each direction said; throws where the pieces are not the bytes that were pushed. */
export function parseAll(
  parser: TunnelParser,
  sent: readonly Sent[],
): Record<Direction, Said[]> & { cut?: Direction[] } {
  const cut: Direction[] = [];
  const frames: Record<Direction, ParsedFrame[]> = { up: [], down: [] };
  const bytes: Record<Direction, Uint8Array[]> = { up: [], down: [] };
  for (const { direction, bytes: chunk } of sent) {
    bytes[direction].push(new Uint8Array(chunk));
    frames[direction].push(...parser.push(direction, new Uint8Array(chunk)));
  }
  for (const direction of ["up", "down"] as const) {
    if (!parser.end(direction)) cut.push(direction);
    const pushed = Buffer.concat(bytes[direction]);
    const pieces = Buffer.concat(frames[direction].map((frame) => frame.bytes));
    const said = pushed.subarray(0, pushed.length - parser.held(direction));
    if (!said.equals(pieces)) throw new Error(`the pieces of ${direction} are not what was pushed`);
  }
  const said = (direction: Direction) => joined(frames[direction].flatMap((frame) => frame.events));
  return { up: said("up"), down: said("down"), ...(cut.length === 0 ? {} : { cut }) };
}
