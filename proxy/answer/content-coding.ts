import type { IncomingHttpHeaders } from "node:http";
import { constants, createGzip, type Gzip, gzip } from "node:zlib";

/** From here on the API server compresses for who accepts it (k8s.io/apiserver responsewriters/writers.go). */
export const GZIP_FROM = 131_072;
/** Its level too: more costs several times the CPU for a tenth of the size (kubernetes 112296). */
const LEVEL = constants.Z_BEST_SPEED;

/** As the API server reads Accept-Encoding: one of its tokens is `gzip`, without parameters. */
export function acceptsGzip(headers: IncomingHttpHeaders): boolean {
  const accepted = headers["accept-encoding"];
  return typeof accepted === "string" && accepted.split(",").some((token) => token.trim() === "gzip");
}

/** Says of an answer that its body is compressed. */
export function markGzip(headers: Record<string, string | string[]>): void {
  headers["content-encoding"] = "gzip";
  headers.vary = [...[headers.vary ?? []].flat(), "Accept-Encoding"];
  delete headers["content-length"];
}

export function gzipStream(): Gzip {
  return createGzip({ level: LEVEL });
}

export function gzipWhole(body: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    gzip(body, { level: LEVEL }, (error, compressed) => (error === null ? resolve(compressed) : reject(error)));
  });
}
