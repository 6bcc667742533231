import { constants, deflateRawSync } from "node:zlib";

/** The zlib header of a stream that is compressed with SPDY/3's dictionary: CMF, FLG with FDICT, and its Adler-32. */
const ZLIB_HEADER = Buffer.from("78bbe3c6a7c2", "hex");

export const SPDY_TYPE = {
  SYN_STREAM: 1,
  SYN_REPLY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  HEADERS: 8,
  WINDOW_UPDATE: 9,
} as const;

function uint32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, index) => {
    bytes.writeUInt32BE(value >>> 0, 4 * index);
  });
  return bytes;
}

/** A name/value block, not compressed. */
export function headerBlock(headers: readonly (readonly [string, string])[], count = headers.length): Buffer {
  const texts = headers.flat().map((text) => Buffer.concat([uint32(text.length), Buffer.from(text, "latin1")]));
  return Buffer.concat([uint32(count), ...texts]);
}

/** A stored block, and the empty one of a flush (RFC 1951, section 3.2.4). */
function stored(block: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt16LE(block.length, 1);
  head.writeUInt16LE(~block.length & 0xffff, 3);
  return Buffer.concat([head, block, Buffer.from("000000ffff", "hex")]);
}

/** Writes the frames of one direction, from the text of SPDY draft 3.1 and by nothing of ours. */
export class SpdyEncoder {
  private window: Buffer;
  private started = false;
  private readonly stores: () => boolean;

  /** `dictionary`: SPDY/3's, 1423 bytes. `stores` says of each header block whether it is left uncompressed. */
  constructor(dictionary: Uint8Array, stores: () => boolean = () => false) {
    this.window = Buffer.from(dictionary);
    this.stores = stores;
  }

  control(type: number, flags: number, body: Uint8Array, { version = 3, length = body.length } = {}): Buffer {
    const head = Buffer.alloc(8);
    head.writeUInt16BE(0x8000 | version, 0);
    head.writeUInt16BE(type, 2);
    head.writeUInt32BE(((flags << 24) | length) >>> 0, 4);
    return Buffer.concat([head, body]);
  }

  compress(block: Uint8Array): Buffer {
    const deflated = this.stores() ? stored(block) : this.deflate(block);
    this.window = Buffer.concat([this.window, block]).subarray(-32768);
    const head = this.started ? Buffer.alloc(0) : ZLIB_HEADER;
    this.started = true;
    return Buffer.concat([head, deflated]);
  }

  private deflate(block: Uint8Array): Buffer {
    return deflateRawSync(block, { dictionary: this.window.subarray(-32768), finishFlush: constants.Z_SYNC_FLUSH });
  }

  synStream(id: number, headers: Record<string, string>, flags = 0): Buffer {
    const block = this.compress(headerBlock(Object.entries(headers)));
    return this.control(SPDY_TYPE.SYN_STREAM, flags, Buffer.concat([uint32(id, 0), Buffer.alloc(2), block]));
  }

  synReply(id: number, flags = 0, headers: Record<string, string> = {}): Buffer {
    return this.control(
      SPDY_TYPE.SYN_REPLY,
      flags,
      Buffer.concat([uint32(id), this.compress(headerBlock(Object.entries(headers)))]),
    );
  }

  moreHeaders(id: number, headers: Record<string, string>, flags = 0): Buffer {
    return this.control(
      SPDY_TYPE.HEADERS,
      flags,
      Buffer.concat([uint32(id), this.compress(headerBlock(Object.entries(headers)))]),
    );
  }

  reset(id: number, status: number): Buffer {
    return this.control(SPDY_TYPE.RST_STREAM, 0, uint32(id, status));
  }

  ping(id: number): Buffer {
    return this.control(SPDY_TYPE.PING, 0, uint32(id));
  }

  goAway(lastId: number, status: number): Buffer {
    return this.control(SPDY_TYPE.GOAWAY, 0, uint32(lastId, status));
  }

  settings(...values: [id: number, value: number][]): Buffer {
    return this.control(
      SPDY_TYPE.SETTINGS,
      0,
      Buffer.concat([uint32(values.length), ...values.map((pair) => uint32(...pair))]),
    );
  }

  windowUpdate(id: number, delta: number): Buffer {
    return this.control(SPDY_TYPE.WINDOW_UPDATE, 0, uint32(id, delta));
  }

  data(id: number, payload: Uint8Array | string, fin = false): Buffer {
    const bytes = Buffer.from(payload as Uint8Array);
    return Buffer.concat([uint32(id, (((fin ? 1 : 0) << 24) | bytes.length) >>> 0), bytes]);
  }
}
