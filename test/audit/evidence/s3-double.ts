import { createHash, createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { sha256 } from "../../../base/digest.ts";

export interface S3Double {
  endpoint: string;
  /** By key, the newest version; what was locked stays. */
  objects: Map<string, { body: string; retainUntil: string; mode: string }>;
  /** Versions before those, by key, the newest first. Of a key with none in `objects` a delete marker is the newest. */
  older: Map<string, string[]>;
  /** Answers with this status once, whatever is asked. */
  fail(status: number): void;
  close(): Promise<void>;
}

/**
 * What S3 does for a bucket with object lock, as far as is needed here: it checks the signature (Signature Version 4),
 * the digest that comes with lock headers and If-None-Match, and lists versions two a page. Object lock itself is S3's.
 */
export async function s3Double(
  bucket: string,
  credentials: { accessKeyId: string; secretAccessKey: string },
): Promise<S3Double> {
  const objects: S3Double["objects"] = new Map();
  const older: S3Double["older"] = new Map();
  let failing: number | undefined;
  const server = createServer((req, res) => {
    answer(req, res).catch((error: unknown) => {
      res.statusCode = 500;
      res.end(String(error));
    });
  });
  const answer = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const end = (status: number, text = ""): void => {
      res.statusCode = status;
      res.end(text);
    };
    const refuse = (status: number, code: string): void => end(status, `<Error><Code>${code}</Code></Error>`);
    if (failing !== undefined) {
      const status = failing;
      failing = undefined;
      return refuse(status, "SlowDown");
    }
    if (!signed(req, body, credentials)) return refuse(403, "SignatureDoesNotMatch");
    const url = new URL(req.url ?? "/", endpointOf(req));
    const key = decodeURIComponent(url.pathname.slice(`/${bucket}/`.length));
    if (!url.pathname.startsWith(`/${bucket}`)) return refuse(404, "NoSuchBucket");
    if (req.method === "PUT") {
      const {
        "content-md5": digest,
        "x-amz-object-lock-mode": mode,
        "x-amz-object-lock-retain-until-date": until,
      } = req.headers;
      if (digest !== createHash("md5").update(body).digest("base64")) return refuse(400, "BadDigest");
      if (typeof mode !== "string" || typeof until !== "string") return refuse(400, "InvalidRequest");
      if (req.headers["if-none-match"] === "*" && objects.has(key)) return refuse(412, "PreconditionFailed");
      objects.set(key, { body: body.toString("utf8"), mode, retainUntil: until });
      return end(200);
    }
    const versionsOf = (name: string): (string | undefined)[] => [objects.get(name)?.body, ...(older.get(name) ?? [])];
    if (url.searchParams.has("versions")) {
      const prefix = url.searchParams.get("prefix") ?? "";
      const marker = [url.searchParams.get("key-marker") ?? "", url.searchParams.get("version-id-marker") ?? ""];
      const all = [...new Set([...objects.keys(), ...older.keys()])]
        .filter((one) => one.startsWith(prefix))
        .sort()
        .flatMap((name) => versionsOf(name).map((text, i) => ({ name, id: `v${i}`, text })));
      const from = all.findIndex(({ name, id }) => name === marker[0] && id === marker[1]) + 1;
      const listed = all.slice(from, from + 2).map(({ name, id, text }) => {
        const kind = text === undefined ? "DeleteMarker" : "Version";
        return `<${kind}><Key>${encodeURIComponent(name)}</Key><VersionId>${id}</VersionId></${kind}>`;
      });
      const last = from + 2 < all.length ? all[from + 1] : undefined;
      const next =
        last === undefined
          ? ""
          : `<NextKeyMarker>${encodeURIComponent(last.name)}</NextKeyMarker><NextVersionIdMarker>${last.id}</NextVersionIdMarker>`;
      return end(200, `<ListVersionsResult>${next}${listed.join("")}</ListVersionsResult>`);
    }
    const text = versionsOf(key)[Number(url.searchParams.get("versionId")?.slice(1) ?? 0)];
    return text === undefined ? refuse(404, "NoSuchKey") : end(200, text);
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    objects,
    older,
    fail: (status) => {
      failing = status;
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

const endpointOf = (req: IncomingMessage): string => `http://${req.headers.host}`;

/** AWS Signature Version 4 computed from what came, without the library that signed it. */
function signed(
  req: IncomingMessage,
  body: Buffer,
  credentials: { accessKeyId: string; secretAccessKey: string },
): boolean {
  const [, key, date = "", region = "", names = "", signature] =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      req.headers.authorization ?? "",
    ) ?? [];
  const digest = sha256(body);
  if (key !== credentials.accessKeyId || req.headers["x-amz-content-sha256"] !== digest) return false;
  // Lock headers that are not signed could be taken off on the way.
  const lock = Object.keys(req.headers).filter((name) => name.startsWith("x-amz-"));
  if (!lock.every((name) => names.split(";").includes(name))) return false;
  const [path = "", query = ""] = (req.url ?? "").split("?");
  const canonical = [
    req.method,
    path,
    query.split("&").sort().join("&"),
    ...names.split(";").map((name) => `${name}:${String(req.headers[name]).trim()}`),
    "",
    names,
    digest,
  ].join("\n");
  const scope = `${date}/${region}/s3/aws4_request`;
  const text = ["AWS4-HMAC-SHA256", req.headers["x-amz-date"], scope, sha256(canonical)].join("\n");
  const mac = (secret: string | Buffer, data: string): Buffer => createHmac("sha256", secret).update(data).digest();
  const signing = [date, region, "s3", "aws4_request"].reduce<string | Buffer>(
    mac,
    `AWS4${credentials.secretAccessKey}`,
  );
  return mac(signing, text).toString("hex") === signature;
}
