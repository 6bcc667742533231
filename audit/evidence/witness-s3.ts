import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { AwsClient } from "aws4fetch";
import { sha256 } from "../../base/digest.ts";
import type { TreeHead } from "./checkpoint.ts";
import type { S3Location, Witness } from "./witness.ts";

const DEADLINE_MS = 20_000;
const DAY_MS = 86_400_000;
const MAX_ANSWER = 4 * 1024 * 1024;
/** Sizes sort as text, so that the last object of a log is its newest. */
const DIGITS = 16;

/**
 * A bucket with object lock: one object a note, which nobody can remove or replace before its time, the owner of the
 * account included (mode COMPLIANCE). Signed by AWS Signature Version 4; keys are read again for each request.
 */
export function s3Witness(location: S3Location): Witness {
  const { endpoint, bucket, prefix = "", retainDays, mode = "COMPLIANCE" } = location;
  const base = `${endpoint.replace(/\/$/, "")}/${bucket}`;
  return {
    name: `s3 ${base}/${prefix}`,
    async append(note, head) {
      const headers = {
        "content-type": "text/plain; charset=utf-8",
        // S3 asks for a digest of the body with object lock headers.
        "content-md5": createHash("md5").update(note).digest("base64"),
        "if-none-match": "*",
        "x-amz-object-lock-mode": mode,
        "x-amz-object-lock-retain-until-date": new Date(Date.now() + retainDays * DAY_MS).toISOString(),
      };
      const url = `${base}/${prefix}${nameOf(head)}`;
      const { status, text } = await request(location, url, { method: "PUT", headers, body: note });
      if (status === 200) return;
      // 412: it is there already, from an attempt whose answer was lost. Then it must be the same.
      if (status === 412 && (await request(location, url)).text === note) return;
      throw new Error(`${url} answered ${status}${reasonIn(text)}`);
    },
    async *notes() {
      const newest = new Map<string, string>();
      for await (const key of listKeys(location, base, prefix)) {
        const [, log] = /^(.+)\/\d{16}$/.exec(key.slice(prefix.length)) ?? [];
        if (log !== undefined) newest.set(log, key);
      }
      for (const key of newest.values()) {
        const { status, text } = await request(location, `${base}/${key}`);
        if (status !== 200) throw new Error(`${base}/${key} answered ${status}${reasonIn(text)}`);
        yield text;
      }
    },
  };
}

function nameOf({ log, size }: TreeHead): string {
  return `${encodeURIComponent(log)}/${String(size).padStart(DIGITS, "0")}`;
}

/** ListObjectsV2, in the order of keys. */
async function* listKeys(location: S3Location, base: string, prefix: string): AsyncGenerator<string> {
  for (let token: string | undefined = ""; token !== undefined; ) {
    const query = new URLSearchParams({ "list-type": "2", "encoding-type": "url", prefix });
    if (token !== "") query.set("continuation-token", token);
    const { status, text } = await request(location, `${base}?${query}`);
    if (status !== 200) throw new Error(`${base} answered ${status}${reasonIn(text)}`);
    // Keys come URL-encoded, so neither entities nor markup can stand in them.
    for (const [, key = ""] of text.matchAll(/<Key>([^<]*)<\/Key>/g))
      yield decodeURIComponent(key.replaceAll("+", " "));
    token = /<NextContinuationToken>([^<]+)<\/NextContinuationToken>/.exec(text)?.[1];
  }
}

async function request(
  { region, accessKeyIdFile, secretAccessKeyFile }: S3Location,
  url: string,
  init: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<{ status: number; text: string }> {
  const [accessKeyId, secretAccessKey] = await Promise.all(
    [accessKeyIdFile, secretAccessKeyFile].map(async (file) => (await readFile(file, "utf8")).trim()),
  );
  const client = new AwsClient({
    accessKeyId: accessKeyId ?? "",
    secretAccessKey: secretAccessKey ?? "",
    service: "s3",
    region,
    retries: 0,
  });
  const signal = AbortSignal.timeout(DEADLINE_MS);
  // The library signs a body only where its digest is among the headers.
  const headers = { ...init.headers, "x-amz-content-sha256": sha256(init.body ?? "") };
  const response = await client.fetch(url, { ...init, headers, signal, redirect: "error" });
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.length > MAX_ANSWER) throw new Error(`${url} answered more than ${MAX_ANSWER} characters`);
  }
  return { status: response.status, text };
}

function reasonIn(text: string): string {
  const code = /<Code>([\w.]+)<\/Code>/.exec(text)?.[1];
  return code === undefined ? "" : `: ${code}`;
}
