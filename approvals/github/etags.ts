/** What octokit's hook passes along, as far as it is used here. */
interface Asked {
  method: string;
  url: string;
  baseUrl: string;
  headers: Record<string, string | number | undefined>;
  [parameter: string]: unknown;
}
interface Answer {
  status: number;
  headers: Record<string, unknown>;
  data: unknown;
}

const MOST = 2000;
/** In characters of JSON: GitHub sends it packed, and does not say how long it is. */
const LARGEST = 4 * 1024 * 1024;
/** A folder of ten thousand exceptions is 3 MB, and each merge makes another one of it. */
const MOST_OF_ALL = 64 * 1024 * 1024;

/**
 * Answers to GETs by their ETag: asked again with `If-None-Match`, a 304 costs nothing of the rate limit, and is the
 * answer that is here (docs.github.com, "Best practices for using the REST API").
 */
export class EtagCache {
  readonly #known = new Map<string, { etag: string; answer: Answer; size: number }>();
  #size = 0;

  async conditional(request: (asked: Asked) => Promise<Answer>, asked: Asked): Promise<Answer> {
    if (asked.method !== "GET") return request(asked);
    const key = keyOf(asked);
    const known = this.#known.get(key);
    // In place: what a hook passes on is not what the next one is given (before-after-hook 4, register.js).
    if (known !== undefined) asked.headers["if-none-match"] = known.etag;
    try {
      const answer = await request(asked);
      this.#keep(key, answer);
      return answer;
    } catch (error) {
      if (known === undefined || (error as { status?: unknown }).status !== 304) throw error;
      this.#put(key, known);
      return known.answer;
    }
  }

  #keep(key: string, answer: Answer): void {
    this.#forget(key);
    const { etag } = answer.headers;
    if (typeof etag !== "string" || answer.data instanceof ArrayBuffer) return;
    const size = sizeOf(answer.data);
    if (size <= LARGEST) this.#put(key, { etag, answer, size });
  }

  #put(key: string, known: { etag: string; answer: Answer; size: number }): void {
    this.#forget(key);
    this.#known.set(key, known);
    this.#size += known.size;
    // What was not asked for longest first: a Map keeps the order of its insertions.
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= MOST && this.#size <= MOST_OF_ALL) break;
      this.#forget(oldest);
    }
  }

  #forget(key: string): void {
    this.#size -= this.#known.get(key)?.size ?? 0;
    this.#known.delete(key);
  }
}

/** About how long it is as JSON; of a list its first item tells. */
function sizeOf(data: unknown): number {
  const items = Array.isArray(data) ? data : (data as { tree?: unknown } | null)?.tree;
  const [one, times] = Array.isArray(items) ? [items[0], items.length] : [data, 1];
  return (JSON.stringify(one)?.length ?? 0) * times;
}

function keyOf({
  url,
  method: _,
  baseUrl: __,
  headers: ___,
  request: ____,
  mediaType: _____,
  ...parameters
}: Asked): string {
  return `${url} ${JSON.stringify(Object.entries(parameters).sort(([a], [b]) => (a < b ? -1 : 1)))}`;
}
