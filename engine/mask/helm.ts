import { gunzipSync, gzipSync } from "node:zlib";
import { isObject, type JsonObject } from "./shape.ts";

/** Type of the Secrets in which Helm keeps its releases: `data.release` is base64 of base64 of gzip of JSON. */
export const HELM_RELEASE = "helm.sh/release.v1";

/** What one release may be when it is unpacked, and what all of one request may: a megabyte of gzip may hold a gigabyte. */
const RELEASE_LIMIT = 8_388_608;
const REQUEST_LIMIT = 67_108_864;
/** How a gzip begins (RFC 1952 §2.3.1), in base64 and in base64 of that. */
export const GZIP_BASE64 = "H4sI";
const TWICE = "SDRzSU";

/** What the releases of one request may still take to unpack. */
export class Unpacking {
  left = REQUEST_LIMIT;
}

function unpack(packed: string, unpacking: Unpacking): Buffer | undefined {
  const base64 = packed.startsWith(TWICE) ? Buffer.from(packed, "base64").toString("latin1") : packed;
  if (!base64.startsWith(GZIP_BASE64) || unpacking.left <= 0) return undefined;
  try {
    const limit = Math.min(RELEASE_LIMIT, unpacking.left);
    const bytes = gunzipSync(Buffer.from(base64, "base64"), { maxOutputLength: limit });
    unpacking.left -= bytes.length;
    return bytes;
  } catch {
    unpacking.left -= RELEASE_LIMIT;
    return undefined;
  }
}

const NAME = /^[a-z0-9][a-z0-9.-]{0,252}$/;
const VERSION = /^[\w.+-]{1,128}$/;
const TIME = /^[0-9TZ:.+-]{1,40}$/;
const WORD = /^[a-z-]{1,40}$/;
/** What Helm itself says of a release (pkg/action); of a failure it quotes the API server, which may quote anything. */
const DESCRIPTION =
  /^(?:Initial install underway|Install complete|Preparing upgrade|Upgrade complete|Rollback to \d{1,9}|Rollback complete|Uninstallation complete|Deletion in progress \(or silently failed\)|Dry run complete)$/;

function pick(from: unknown, shapes: Record<string, RegExp>): JsonObject {
  const picked: JsonObject = {};
  if (!isObject(from)) return picked;
  for (const [key, shape] of Object.entries(shapes)) {
    const value = from[key];
    if (typeof value === "string" && shape.test(value)) picked[key] = value;
  }
  return picked;
}

/**
 * A release without what it was rendered from and to, in the encoding that it came in; undefined where it cannot be
 * read, so that it must be masked whole. A chart's values reach its manifests by any template, whole or in part, so
 * only what is known to be none is kept: the release's name, revision, status and times, and the chart's name and
 * version. That is what `helm list`, `history` and `status` show. In the manifest's place stands what is no YAML, so
 * that an upgrade or a rollback from what was shown fails instead of taking the release for empty.
 */
export function summarizeRelease(release: string, placeholder: string, unpacking: Unpacking): string | undefined {
  const bytes = unpack(release, unpacking);
  if (bytes === undefined) return undefined;
  let whole: unknown;
  try {
    whole = JSON.parse(bytes.toString("utf8"));
  } catch {
    return undefined;
  }
  if (!isObject(whole) || !isObject(whole.info) || !isObject(whole.chart)) return undefined;
  const summary = {
    ...pick(whole, { name: NAME, namespace: NAME }),
    ...(Number.isSafeInteger(whole.version) ? { version: whole.version } : {}),
    info: {
      ...pick(whole.info, {
        first_deployed: TIME,
        last_deployed: TIME,
        deleted: TIME,
        status: WORD,
        description: DESCRIPTION,
      }),
      notes: placeholder,
    },
    chart: {
      metadata: pick(whole.chart.metadata, {
        apiVersion: /^v[12]$/,
        name: NAME,
        version: VERSION,
        appVersion: VERSION,
      }),
    },
    config: { [placeholder]: placeholder },
    manifest: placeholder,
  };
  const packed = gzipSync(JSON.stringify(summary)).toString("base64");
  return release.startsWith(TWICE) ? Buffer.from(packed, "latin1").toString("base64") : packed;
}

/** The text of a release as Helm packs it, or undefined where it is none: for a placeholder that would be written back in it. */
export function releaseText(packed: string): string | undefined {
  if (!packed.startsWith(GZIP_BASE64) && !packed.startsWith(TWICE)) return undefined;
  return unpack(packed, new Unpacking())?.toString("utf8");
}
