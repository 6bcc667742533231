import protobuf from "protobufjs/minimal.js";
import { decodeUtf8, malformed } from "../json.ts";
import { BYTES, WireReader } from "./wire.ts";

/** `k8s` and the encoding style, before each body (k8s.io/apimachinery/pkg/runtime/serializer/protobuf). */
export const PREFIX = Buffer.from("k8s\0", "latin1");
const MEDIA_TYPE = "application/vnd.kubernetes.protobuf";

const ENVELOPE = { typeMeta: 1, raw: 2, contentEncoding: 3, contentType: 4 };

export interface Envelope {
  apiVersion: string;
  kind: string;
  raw: Uint8Array;
}

/** Reads runtime.Unknown (k8s.io/apimachinery/pkg/runtime/generated.proto), and its prefix. */
export function readEnvelope(bytes: Uint8Array): Envelope {
  if (!PREFIX.equals(bytes.subarray(0, PREFIX.length))) throw malformed("it is no protobuf of Kubernetes");
  const wire = new WireReader(bytes.subarray(PREFIX.length));
  const found: { [id: number]: Buffer } = {};
  readByteFields(wire, "Unknown", 4, found);
  const meta: { [id: number]: Buffer } = {};
  const typeMeta = found[ENVELOPE.typeMeta];
  if (typeMeta !== undefined) readByteFields(new WireReader(typeMeta), "TypeMeta", 2, meta);
  const text = (part: Buffer | undefined): string => (part === undefined ? "" : decodeUtf8(part));
  // The API server reads neither: what names another encoding would be read as none.
  const contentType = text(found[ENVELOPE.contentType]);
  if (text(found[ENVELOPE.contentEncoding]) !== "" || (contentType !== "" && contentType !== MEDIA_TYPE)) {
    throw malformed("its protobuf holds another encoding");
  }
  return { apiVersion: text(meta[1]), kind: text(meta[2]), raw: found[ENVELOPE.raw] ?? Buffer.alloc(0) };
}

function readByteFields(wire: WireReader, name: string, last: number, found: { [id: number]: Buffer }): void {
  while (wire.more()) {
    const tag = wire.tag();
    const id = tag >>> 3;
    if (id < 1 || id > last || (tag & 7) !== BYTES) throw malformed(`its protobuf has no readable ${name}`);
    if (found[id] !== undefined) throw malformed(`field ${id} of ${name} stands twice`);
    found[id] = wire.bytes();
  }
}

/** Writes what `readEnvelope` reads. */
export function writeEnvelope({ apiVersion, kind, raw }: Envelope): Buffer {
  const writer = protobuf.Writer.create().raw(PREFIX);
  writer.uint32((ENVELOPE.typeMeta << 3) | BYTES).fork();
  writer.uint32((1 << 3) | BYTES).string(apiVersion);
  writer.uint32((2 << 3) | BYTES).string(kind);
  writer.ldelim();
  writer.uint32((ENVELOPE.raw << 3) | BYTES).bytes(raw);
  return Buffer.from(writer.finish());
}
