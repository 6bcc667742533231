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
/** Blobs never change, and are kept where they are used. */
const LARGEST = 2 * 1024 * 1024;

/**
 * Answers to GETs by their ETag: asked again with `If-None-Match`, a 304 costs nothing of the rate limit, and is the
 * answer that is here (docs.github.com, "Best practices for using the REST API").
 */
export class EtagCache {
  readonly #known = new Map<string, { etag: string; answer: Answer }>();

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
      if (known !== undefined && (error as { status?: unknown }).status === 304) return known.answer;
      throw error;
    }
  }

  #keep(key: string, answer: Answer): void {
    this.#known.delete(key);
    const { etag } = answer.headers;
    if (typeof etag !== "string" || Number(answer.headers["content-length"] ?? 0) > LARGEST) return;
    if (answer.data instanceof ArrayBuffer) return;
    this.#known.set(key, { etag, answer });
    // The oldest first: a Map keeps the order of its insertions.
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= MOST) break;
      this.#known.delete(oldest);
    }
  }
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
