import { type DecodeOptions, decode, encode, rfc8949EncodeOptions, Tagged, Token, Tokenizer, Type } from "cborg";
import { Refusal } from "../../base/errors.ts";
import { isRawNumber, rawNumber } from "../../base/lossless-json.ts";
import { decodeUtf8, malformed, NESTING_LIMIT, tooMany, VALUES_LIMIT } from "./json.ts";

/** RFC 8949 §3.4.6, self-described CBOR: how the API server and client-go begin every item. */
const SELF_DESCRIBED = Buffer.from([0xd9, 0xd9, 0xf7]);
const SELF_DESCRIBED_TAG = 55799;
/** RFC 8949 §3.4.5.2, "expected conversion to base64": how Go writes a []byte. */
const BASE64 = 22;

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

const OPTIONS: DecodeOptions = {
  // What JSON cannot say; and what client-go never writes, and readers take in different ways.
  allowBigInt: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowNaN: false,
  allowInfinity: false,
  rejectDuplicateMapKeys: true,
  // Needed to refuse what is no UTF-8: cborg itself puts U+FFFD in its place, and drops a byte order mark.
  retainStringBytes: true,
  // StrictTokens has made text of what it encloses. Any other tag is refused.
  tags: { [BASE64]: (content) => content() },
};

/** Makes of CBOR what JSON can say: byte strings are strings, as the API server reads them. */
class StrictTokens extends Tokenizer {
  /** How many items each array or map that is open still waits for: of a map, keys and values. */
  private readonly open: { isMap: boolean; items: number }[] = [];
  private inBase64 = false;
  private tokens = 0;

  override next(): Token {
    const token = super.next();
    const { type } = token;
    if (Type.equals(type, Type.break)) throw malformed("it holds a CBOR break");
    const inBase64 = this.inBase64;
    this.inBase64 = Type.equals(type, Type.tag) && token.value === BASE64;
    if (inBase64 && !Type.equals(type, Type.bytes)) throw malformed("a CBOR tag for base64 stands on no byte string");
    const { isMap, items } = this.open.at(-1) ?? { isMap: false, items: 0 };
    if (this.inBase64 && isMap && items % 2 === 0) throw malformed("a CBOR tag for base64 stands on a key");
    if (Type.equals(type, Type.tag)) return token;
    this.count(token);
    if (Type.equals(type, Type.bytes)) {
      const text = inBase64 ? Buffer.from(token.value).toString("base64") : decodeUtf8(token.value);
      return new Token(Type.string, text, token.encodedLength);
    }
    // Tokens of one byte are shared, and have no bytes of their own: the empty string.
    if (Type.equals(type, Type.string) && token.byteValue !== undefined) token.value = decodeUtf8(token.byteValue);
    if (typeof token.value === "bigint") return new Token(type, int64(token.value), token.encodedLength);
    return token;
  }

  /** Refuses nesting, and too many values, before cborg, which recurses, gets there. */
  private count({ type, value }: Token): void {
    const { open } = this;
    // A key is one as well as its value.
    if (++this.tokens > 2 * VALUES_LIMIT) throw tooMany();
    const parent = open.at(-1);
    if (parent !== undefined) parent.items -= 1;
    const isMap = Type.equals(type, Type.map);
    const items = Type.equals(type, Type.array) ? value : isMap ? 2 * value : 0;
    if (items > 0 && open.push({ isMap, items }) > NESTING_LIMIT) {
      throw malformed(`it is nested deeper than ${NESTING_LIMIT} levels`);
    }
    while (open.at(-1)?.items === 0) open.pop();
  }
}

function int64(value: bigint): unknown {
  // IntDecConvertSignedOrFail of the API server's decoder.
  if (value > INT64_MAX || value < INT64_MIN) throw malformed("it holds an integer of more than 64 bits");
  return rawNumber(value.toString());
}

/**
 * CBOR as the API server reads it (apimachinery, serializer/cbor/internal/modes/decode.go), as the value that the
 * same object has in JSON: byte strings are strings, and bytes that are tagged for it are base64. Stricter where
 * readers differ: no tags but self-described CBOR in front and base64, no indefinite lengths, strings are UTF-8,
 * nesting of at most 200. Integers beyond 2^53 are kept exactly. Throws Refusal `malformed-body`.
 */
export function decodeCbor(bytes: Uint8Array): unknown {
  const described = SELF_DESCRIBED.equals(bytes.subarray(0, SELF_DESCRIBED.length));
  const item = described ? bytes.subarray(SELF_DESCRIBED.length) : bytes;
  const plain = new Uint8Array(item.buffer, item.byteOffset, item.byteLength);
  try {
    return decode(plain, { ...OPTIONS, tokenizer: new StrictTokens(plain, OPTIONS) });
  } catch (error) {
    if (error instanceof Refusal) throw error;
    // cborg's message may quote a key.
    throw malformed("it is not valid CBOR, or holds what JSON cannot say");
  }
}

const text = (value: string): Token => new Token(Type.bytes, Buffer.from(value, "utf8"));

/** An int64 that JSON.parse would round, or a larger number as the float that Go makes of it. */
function raw(value: object): Token | null {
  if (!isRawNumber(value)) return null;
  const whole = BigInt(value.rawJSON);
  if (whole > INT64_MAX || whole < INT64_MIN) return new Token(Type.float, Number(whole));
  return new Token(whole < 0n ? Type.negint : Type.uint, whole);
}

/**
 * A JSON value as the API server writes it: self-described, strings and keys as byte strings, keys sorted (RFC 8949
 * §4.2.1), numbers in their shortest form. What is base64 in JSON stays text, which decoders of a []byte expect.
 */
export function encodeCbor(value: unknown): Uint8Array {
  const item = encode(value, {
    ...rfc8949EncodeOptions,
    ignoreUndefinedProperties: true,
    typeEncoders: { string: text, Object: raw },
  });
  return Buffer.concat([SELF_DESCRIBED, item]);
}

/** One event of a watch: the object in it is self-described as well [measured on kube-apiserver 1.36.3]. */
export function encodeCborEvent({ type, object }: { type: string; object: unknown }): Uint8Array {
  return encodeCbor({ type, object: new Tagged(SELF_DESCRIBED_TAG, object) });
}
