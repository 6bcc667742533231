import { isUtf8 } from "node:buffer";

/** How a text looks inside a JSON string: as JSON.stringify writes it, and as Go does, which escapes <, > and & too. */
export function jsonForms(text: string): string[] {
  const plain = JSON.stringify(text).slice(1, -1);
  if (plain === text && !/[<>&\u2028\u2029]/.test(text)) return [];
  const go = plain.replace(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return go === plain ? [plain] : [plain, go];
}

/**
 * The middle of the base64 of some bytes at the alignment at which they stand `offset` bytes into what was encoded:
 * without the characters that share bits with what stands before or after.
 */
export function base64At(bytes: Uint8Array, offset: number): string {
  const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64");
  return encoded.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6));
}

function urlSafe(base64: string): string {
  return base64.replaceAll("+", "-").replaceAll("/", "_");
}

/**
 * The byte strings under which a value is looked for in streams: as it is, inside JSON (and inside JSON inside
 * JSON, as in the last-applied annotation), in base64 at each of three alignments, in both alphabets and in lines
 * as coreutils (76) and OpenSSL (64) break it, as hex in either case, percent-encoded, and quoted. `all: false` leaves out
 * what hardly anything writes of a long value.
 */
export function encodingsOf(value: Uint8Array, all: boolean): Uint8Array[] {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  const forms = new Set<string>([bytes.toString("latin1")]);
  const add = (text: string): unknown => forms.add(Buffer.from(text, "utf8").toString("latin1"));
  if (isUtf8(bytes)) {
    const text = bytes.toString("utf8");
    for (const form of jsonForms(text)) {
      add(form);
      for (const twice of jsonForms(form)) add(twice);
    }
    const percent = all ? percentEncoded(text) : text;
    if (percent !== text) add(percent);
    if (all) for (const form of quotedForms(text)) add(form);
  }
  for (const offset of all ? [0, 1, 2] : []) {
    const base64 = base64At(bytes, offset);
    add(base64);
    add(urlSafe(base64));
  }
  const whole = bytes.toString("base64").replace(/=+$/, "");
  add(whole);
  if (all) add(urlSafe(whole));
  for (const width of [76, 64]) if (whole.length > width) add(wrapped(whole, width));
  if (all) {
    add(bytes.toString("hex"));
    add(bytes.toString("hex").toUpperCase());
  }
  return [...forms].map((form) => Buffer.from(form, "latin1"));
}

/** In a shell (`jq @sh`, Python's `shlex.quote`, `printf %q`), doubled (CSV, SQL, YAML), and with `+` for a space as forms have it. */
function quotedForms(text: string): string[] {
  const single = text.includes("'") ? ["'\\''", `'"'"'`, "''"].map((quote) => text.replaceAll("'", quote)) : [];
  const double = text.includes('"') ? [text.replaceAll('"', '""')] : [];
  // As bash does it in `printf %q`, for what is no letter of any alphabet.
  const escaped = text.replace(/[^\w@%+=:,./\-\u0080-\uffff]/g, "\\$&");
  return [...single, ...double, text.replaceAll(" ", "+"), escaped];
}

function wrapped(text: string, width: number): string {
  return text.replace(new RegExp(`.{${width}}(?=.)`, "g"), "$&\n");
}

function percentEncoded(text: string): string {
  try {
    return encodeURIComponent(text);
  } catch {
    // A lone surrogate: no UTF-8 text, so nothing writes it so.
    return text;
  }
}
