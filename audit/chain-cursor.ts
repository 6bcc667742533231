import { Refusal } from "../base/errors.ts";

/** How far a reader of a session is, chain by chain: writer → the last `seq` that it has. */
export type ChainCursor = ReadonlyMap<string, number>;

/** A cursor is sent as a header field (Last-Event-ID): Node takes 16 KiB of them in all. */
const MOST_CHAINS = 200;
const LONGEST = 12_288;
const PART = /^([A-Za-z0-9-]{1,64})\.([1-9]\d{0,15})$/;

/** `<writer>.<seq>` of each chain, by comma. Throws Refusal `bad-request` where no header field could hold it. */
export function formatCursor(cursor: ChainCursor): string {
  const text = [...cursor].map(([writer, seq]) => `${writer}.${seq}`).join(",");
  if (cursor.size <= MOST_CHAINS && text.length <= LONGEST) return text;
  throw new Refusal("bad-request", `this session has ${cursor.size} chains, and no cursor holds so many`, {
    next: "Read it as NDJSON.",
  });
}

/** Reads what `formatCursor` wrote; throws Refusal `bad-request` for anything else. Empty text is the beginning. */
export function parseCursor(text: string): ChainCursor {
  const parts = text === "" ? [] : text.split(",", MOST_CHAINS + 1);
  const cursor = new Map<string, number>();
  for (const part of parts) {
    const [, writer = "", seq = ""] = PART.exec(part) ?? [];
    if (writer === "" || cursor.has(writer) || !Number.isSafeInteger(Number(seq))) throw malformed();
    cursor.set(writer, Number(seq));
  }
  if (text.length > LONGEST || cursor.size > MOST_CHAINS) throw malformed();
  return cursor;
}

function malformed(): Refusal {
  return new Refusal("bad-request", "this is no id of an event that the gateway has sent", {
    next: "Send the id as it came, or none to begin at the beginning.",
  });
}
