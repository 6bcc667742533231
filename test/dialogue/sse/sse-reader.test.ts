import { describe, expect, test } from "vitest";
import { SseError, type SseEvent, type SseLimits, SseReader } from "../../../dialogue/sse/sse-reader.ts";

interface Read {
  events: { event: string; data: string | undefined; dataLines: number; id?: string; bytes: string }[];
  failure?: string;
}

function read(chunks: Uint8Array[], limits?: SseLimits): Read {
  const reader = new SseReader(limits);
  const result: Read = { events: [] };
  const keep = (event: SseEvent): void => {
    result.events.push({ ...event, bytes: Buffer.from(event.bytes).toString("latin1") });
  };
  try {
    for (const chunk of chunks) for (const event of reader.push(chunk)) keep(event);
    for (const event of reader.end()) keep(event);
  } catch (error) {
    if (!(error instanceof SseError)) throw error;
    result.failure = error.message;
  }
  return result;
}

/** As one chunk, in chunks of each size, and in two at every offset. */
function* chunkings(bytes: Uint8Array): Generator<Uint8Array[]> {
  yield [bytes];
  for (let size = 1; size < bytes.length; size++) {
    yield Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
  }
  for (let at = 0; at <= bytes.length; at++) yield [bytes.subarray(0, at), bytes.subarray(at)];
}

function readEveryWay(stream: string | Uint8Array, limits?: SseLimits): Read {
  const bytes = typeof stream === "string" ? Buffer.from(stream) : stream;
  const [whole, ...others] = [...chunkings(bytes)].map((chunks) => read(chunks, limits));
  for (const other of others) expect(other).toEqual(whole);
  return whole as Read;
}

const fields = ({ events }: Read): [string, string | undefined][] => events.map(({ event, data }) => [event, data]);

describe("an event stream", () => {
  const streams: [what: string, stream: string, events: [string, string | undefined][]][] = [
    ["lines that end in LF", "event: a\ndata: 1\n\nevent: b\ndata: 2\n\n", [["a", "1"], ["b", "2"]]],
    ["lines that end in CR LF", "event: a\r\ndata: 1\r\n\r\ndata: 2\r\n\r\n", [["a", "1"], ["", "2"]]],
    ["lines that end in CR", "event: a\rdata: 1\r\rdata: 2\r\r", [["a", "1"], ["", "2"]]],
    ["a blank line that ends in CR alone", "data: 1\n\rdata: 2\r\n\r", [["", "1"], ["", "2"]]],
    ["a byte order mark", "\ufeffdata: 1\n\n", [["", "1"]]],
    ["comments", ": hello\ndata: 1\n\n:\n\n", [["", "1"], ["", undefined]]],
    ["data of several lines", "data: 1\ndata:\ndata:  2\n\n", [["", "1\n\n 2"]]],
    ["a field with no colon, and one without space", "data\nevent:x\n\n", [["x", ""]]],
    ["fields nobody knows", "retry: 10\nwhatever: 1\ndata: 1\n\n", [["", "1"]]],
    ["blank lines before and after", "\n\r\n\rdata: 1\n\n\n\n", [["", "1"], ["", undefined]]],
    ["an event without data", "event: ping\n\n", [["ping", undefined]]],
    ["characters of two to four bytes", "data: äß€😀\u2028\u0085\n\n", [["", "äß€😀\u2028\u0085"]]],
    ["nothing", "", []],
  ]; // biome-ignore format: a row a stream
  test.each(streams)("is read the same by every chunking: %s", (_, stream, events) => {
    const result = readEveryWay(stream);
    expect(fields(result)).toEqual(events);
    expect(result.failure).toBeUndefined();
  });

  test.each(streams)("comes out byte for byte when its events' bytes are joined: %s", (_, stream) => {
    const joined = readEveryWay(stream).events.map(({ bytes }) => bytes);
    expect(Buffer.from(joined.join(""), "latin1").toString()).toBe(stream);
  });

  test("gives an event as soon as its blank line is there, whatever comes next", () => {
    for (const stream of ["data: 1\n\n", "data: 1\r\n\r\n", "data: 1\r\r"]) {
      expect([...new SseReader().push(Buffer.from(stream))].map(({ data }) => data)).toEqual(["1"]);
    }
  });

  test("counts an event's data lines and keeps its id, but none that holds NUL", () => {
    const { events } = readEveryWay("data: a\ndata: b\nid: 7\n\ndata: c\nid: x\0\n\n");
    expect(events.map(({ dataLines, id }) => [dataLines, id])).toEqual([
      [2, "7"],
      [1, undefined],
    ]);
  });
});

describe("what is no event stream, or reads differently to others", () => {
  const good = "data: 0\n\n";
  test.each<[what: string, stream: string | Uint8Array, failure: RegExp]>([
    ["bytes that are no UTF-8", Buffer.from("data: \xff\n\n", "latin1"), /UTF-8/],
    ["a character that ends with its event", Buffer.from("data: \xc3\n\n\xa4", "latin1"), /UTF-8/],
    ["half of a surrogate pair in UTF-8", Buffer.from("data: \xed\xa0\xbd\n\n", "latin1"), /UTF-8/],
    ["a byte order mark within", "event: a\n\ufeffdata: 1\n\n", /byte order mark/],
    ["a name twice", "event: a\nevent: b\ndata: 1\n\n", /two names/],
    ["a field with a space before it", " data: 1\n\n", /readers differ/],
    ["a field with a space behind it", "data : 1\n\n", /readers differ/],
    ["a field in capitals", "Data: 1\n\n", /readers differ/],
    ["an end within an event", "data: 1\n", /within an event/],
    ["an end within a line", ": 1", /within an event/],
    ["an end within a character", Buffer.from("data: \xc3", "latin1"), /within an event/],
    ["a line above the limit", `data: ${"x".repeat(95)}\n\n`, /line is longer than 100/],
    ["an event above the limit", `${`: ${"x".repeat(80)}\n`.repeat(3)}data: 1\n\n`, /event is longer than 200/],
    ["blank lines above the limit", "\n".repeat(201), /event is longer than 200/],
  ])("ends in one error with one reason, after the events before it: %s", (_, stream, failure) => {
    const bytes = Buffer.concat([Buffer.from(good), typeof stream === "string" ? Buffer.from(stream) : stream]);
    const result = readEveryWay(bytes, { lineBytes: 100, eventBytes: 200 });
    expect(fields(result)).toEqual([["", "0"]]);
    expect(result.failure).toMatch(failure);
  });

  test("a line and an event of just the limits are read", () => {
    const event = `data: ${"x".repeat(94)}\n: ${"x".repeat(95)}\n\n`;
    expect(readEveryWay(event, { lineBytes: 100, eventBytes: event.length }).failure).toBeUndefined();
    expect(readEveryWay(event, { lineBytes: 100, eventBytes: event.length - 1 }).failure).toMatch(/event is longer/);
  });

  test("nothing is read after an error", () => {
    const reader = new SseReader();
    expect(() => [...reader.push(Buffer.from("data: \xff\n\n", "latin1"))]).toThrow(SseError);
    expect(() => [...reader.push(Buffer.from(good))]).toThrow(SseError);
  });
});
