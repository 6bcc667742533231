import type { KnownValues } from "../../engine/mask/known-values.ts";
import { findPatterns } from "../../engine/mask/patterns.ts";
import { PLACEHOLDER } from "../../engine/mask/placeholder.ts";

const FREE: ReadonlySet<string> = new Set(["labels", "parameters"]);
/** Stands where nothing could be looked for: the session knows more than can be, or has lost what it knew. */
const UNSEARCHED = "**sallyport-withheld: not searchable**";

/** Searches texts for what one session's record must not hold. */
export class RecordedTexts {
  readonly #known: readonly KnownValues[];
  readonly #unsearchable: boolean;
  /** Where the values that were found come from (`shop/db:data.password`). */
  readonly origins = new Set<string>();

  constructor(known: readonly KnownValues[]) {
    this.#known = known;
    this.#unsearchable = known.some(({ complete }) => !complete);
  }

  /** The text without what was found in it; the same string where nothing was. `all`: also what could be a name. */
  text(text: string, all = false): string {
    if (this.#unsearchable) return text === "" ? text : UNSEARCHED;
    let clean = withoutCredentials(text);
    for (const known of this.#known) {
      const bytes = Buffer.from(clean, "utf8");
      if (!known.mayStandIn(bytes)) continue;
      const spans = known.find(bytes, all);
      if (spans.length === 0) continue;
      for (const { value } of spans) this.origins.add(known.originOf(value).path);
      const parts = spans.map(({ start }, i) => bytes.toString("utf8", spans[i - 1]?.end ?? 0, start) + PLACEHOLDER);
      clean = parts.join("") + bytes.toString("utf8", spans.at(-1)?.end);
    }
    return clean;
  }

  /**
   * The same value with its strings searched, and the names of its fields; fields that are `plain` stay as they are, with
   * all below them. The very same value where nothing was found. `all`: as of `text`.
   */
  deep(value: unknown, options: { plain?: ReadonlySet<string> | undefined; all?: boolean } = {}): unknown {
    if (typeof value === "string") return this.text(value, options.all);
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) {
      const items = value.map((item) => this.deep(item, options));
      return items.some((item, i) => item !== value[i]) ? items : value;
    }
    let changed = false;
    const entries = Object.entries(value).map(([key, entry]): [string, unknown] => {
      if (options.plain?.has(key) === true) return [key, entry];
      const name = options.plain === undefined ? this.text(key, options.all) : key;
      // Below these the names are a client's as well.
      const clean = this.deep(entry, FREE.has(key) ? { ...options, plain: undefined } : options);
      changed ||= name !== key || clean !== entry;
      return [name, clean];
    });
    return changed ? Object.fromEntries(entries) : value;
  }
}

/** Tokens and private keys that somebody put where they do not belong: into a URL, a header, a message. */
export function withoutCredentials(text: string): string {
  if (!text.includes("eyJ") && !text.includes("PRIVATE KEY")) return text;
  let clean = "";
  let done = 0;
  for (const { start, end } of findPatterns(text, ["jwt", "private-key"])) {
    if (start < done) continue;
    clean += text.slice(done, start) + PLACEHOLDER;
    done = end;
  }
  return done === 0 ? text : clean + text.slice(done);
}
