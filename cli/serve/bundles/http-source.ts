import { sha256 } from "../../../base/digest.ts";
import { shownUrl } from "../../../base/loopback.ts";
import { openArchive, type Verification } from "../../../engine/bundle/load.ts";
import type { BundleSource, Offer } from "../../../engine/bundle/source.ts";
import { BundleClient, type DownloadOptions } from "./download.ts";
import { keepArchive, keptArchive } from "./kept.ts";
import { poll } from "./poll.ts";

export interface HttpSourceOptions extends Verification, DownloadOptions {
  url: string;
  /** `policy.state`. */
  state: string;
  pollMs: number;
  /** After a failure, doubled by each further one; a second where absent. */
  retryMs?: number;
  /** 0: no long polling. */
  longPollSeconds: number;
}

const WAITED_MS = 500;

/** A bundle server: asked again and again for what its ETag says is new. */
export function httpSource(options: HttpSourceOptions): BundleSource {
  const { url, state } = options;
  const name = shownUrl(url);
  const client = new BundleClient(url, options);
  let etag = "";
  let longPoll = options.longPollSeconds > 0;
  /** Hash of the archive that was offered last: a server without ETags sends the same again and again. */
  let known = "";
  let fresh: { archive: Uint8Array; etag: string } | undefined;

  const offer = async (archive: Uint8Array): Promise<Offer> => ({
    bundle: await openArchive(archive, name, options),
    name,
    verified: options.verify,
    keep: () => keepArchive(state, url, archive),
  });

  async function round(look: (unchanged?: "unchanged") => Promise<boolean>, signal: AbortSignal) {
    const asked = performance.now();
    const got = await client.get(etag, longPoll ? options.longPollSeconds : 0, signal);
    const isNew = got.archive !== undefined && sha256(got.archive) !== known;
    // A server that says that it waits, and does not, is polled like any other.
    const waited = longPoll && got.longPoll && (isNew || performance.now() - asked > WAITED_MS);
    longPoll = options.longPollSeconds > 0 && got.longPoll;
    if (got.archive === undefined || !isNew) {
      if (got.archive !== undefined) etag = got.etag;
      await look("unchanged");
    } else {
      fresh = { archive: got.archive, etag: got.etag };
      // Its ETag is kept only once it serves, so that what was rejected is asked for again.
      if (!(await look())) return "failed" as const;
      known = sha256(got.archive);
      etag = got.etag;
    }
    return waited ? ("again" as const) : ("done" as const);
  }

  return {
    name,
    async first() {
      const got = await client.get("", 0, new AbortController().signal);
      const archive = got.archive ?? new Uint8Array();
      const first = await offer(archive);
      const { keep } = first;
      // In force: from now on only what is new is asked for.
      first.keep = async () => {
        known = sha256(archive);
        etag = got.etag;
        longPoll = options.longPollSeconds > 0 && got.longPoll;
        await keep?.();
      };
      return first;
    },
    async lastGood() {
      const archive = await keptArchive(state, url);
      return archive === undefined ? undefined : offer(archive);
    },
    async take() {
      const next = fresh;
      fresh = undefined;
      return next === undefined ? undefined : offer(next.archive);
    },
    watch(look, failed) {
      const polled = poll({
        pollMs: options.pollMs,
        retryMs: options.retryMs,
        failed,
        round: (signal) => round(look, signal),
      });
      return {
        async close() {
          await polled.close();
          await client.close();
        },
      };
    },
  };
}
