import { isUtf8 } from "node:buffer";
import { Refusal } from "../../base/errors.ts";
import { jsonForms } from "./encodings.ts";

/**
 * Finds masked values wherever else they stand in an answer, encoded or not (a JSON patch `copy` moves a
 * secret into an annotation [M]).
 *
 * A string that equals a masked value is masked from WHOLE characters on: shorter values (`on`, `1`) are
 * guessed in a moment anyway, and would mask half of an object's words. Inside longer strings a value is
 * looked for from INSIDE characters on, since shorter ones stand in words by chance.
 */
export const WHOLE = 4;
export const INSIDE = 8;
/** Comparisons for one answer. Past it the answer is refused: it was made to be slow. */
const WORK_LIMIT = 20_000_000;

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const BASE64_LOOSE = /^[A-Za-z0-9+/_-]+={0,2}$/;

/** The text that base64 encodes, or undefined where it is no base64 or no text. */
export function decodeBase64Text(text: string): string | undefined {
  if (text === "") return undefined;
  const bytes = Buffer.from(text, "base64");
  if (!isUtf8(bytes)) return undefined;
  // Written again it is the same, or it is written in an odd way, or it is none: the pattern costs ten times as much.
  if (bytes.toString("base64") !== text && !BASE64.test(text)) return undefined;
  return bytes.toString("utf8");
}

export class EqualStrings {
  private readonly whole = new Set<string>();
  private readonly inside = new Map<string, string[]>();
  private readonly hint = new Uint8Array(4096);
  private readonly ignored: Set<string>;
  private work = 0;
  private hasInside = false;

  /** `ignored` are placeholders: a masked answer that is masked again stays as it is. */
  constructor(ignored: Iterable<string>) {
    this.ignored = new Set(ignored);
  }

  get size(): number {
    return this.whole.size;
  }

  /** Takes up a masked value in all its forms. `encoded`: the field holds base64. */
  add(value: string, encoded: boolean): void {
    const decoded = encoded ? (decodeBase64Text(value) ?? decodeBase64Text(value.replace(/\s+/g, ""))) : value;
    this.addForm(value);
    if (decoded === undefined) return;
    for (const text of new Set([decoded, decoded.trim()])) {
      this.addForm(text);
      this.addForm(Buffer.from(text, "utf8").toString("base64"));
      for (const form of jsonForms(text)) this.addForm(form);
    }
  }

  private addForm(form: string): void {
    if (form.length < WHOLE || this.ignored.has(form) || this.whole.has(form)) return;
    this.whole.add(form);
    if (form.length < INSIDE) return;
    this.hasInside = true;
    const head = form.slice(0, INSIDE);
    this.hint[hash(form, 0)] = 1;
    const others = this.inside.get(head);
    if (others === undefined) this.inside.set(head, [form]);
    else others.push(form);
  }

  private spend(cost: number): void {
    this.work += cost;
    if (this.work > WORK_LIMIT) {
      throw new Refusal("unmaskable", "the answer holds too many masked values to look for in its other fields", {
        next: "Ask for fewer objects at a time.",
      });
    }
  }

  /** The text with masked values replaced, or the same string where there are none. */
  mask(text: string, placeholder: string, encodedPlaceholder: string): string {
    if (text.length < WHOLE) return text;
    if (this.ignored.has(text)) return text;
    if (this.whole.has(text)) return BASE64.test(text) && this.looksEncoded(text) ? encodedPlaceholder : placeholder;
    if (!this.hasInside || text.length < INSIDE) return text;
    return this.maskInside(text, placeholder);
  }

  /** Whether a form is the encoded one of another that is known: then what stands in its place is encoded too. */
  private looksEncoded(text: string): boolean {
    if (!BASE64_LOOSE.test(text)) return false;
    const decoded = decodeBase64Text(text);
    return decoded !== undefined && this.whole.has(decoded);
  }

  private maskInside(text: string, placeholder: string): string {
    this.spend(text.length >> 3);
    let out = "";
    let done = 0;
    const last = text.length - INSIDE;
    for (let i = 0; i <= last; i++) {
      if (this.hint[hash(text, i)] === 0) continue;
      const forms = this.inside.get(text.slice(i, i + INSIDE));
      if (forms === undefined) continue;
      let longest = 0;
      for (const form of forms) {
        this.spend(1 + (form.length >> 6));
        if (form.length > longest && text.startsWith(form, i)) longest = form.length;
      }
      if (longest === 0) continue;
      out += text.slice(done, i) + placeholder;
      done = i + longest;
      i = done - 1;
    }
    return done === 0 ? text : out + text.slice(done);
  }
}

function hash(text: string, at: number): number {
  const h = (text.charCodeAt(at) * 31 + text.charCodeAt(at + 2)) * 31 + text.charCodeAt(at + 5);
  return (h * 31 + text.charCodeAt(at + 7)) & 0xfff;
}
