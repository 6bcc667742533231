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
    async *notes(counts = () => true) {
      const logs = new Map<string, Version[]>();
      for await (const version of listVersions(location, base, prefix)) {
        const [, log] = /^(.+)\/\d{16}$/.exec(version.key.slice(prefix.length)) ?? [];
        if (log === undefined) continue;
        const versions = logs.get(log);
        if (versions === undefined) logs.set(log, [version]);
        else versions.push(version);
      }
      for (const versions of logs.values()) {
        for (const { key, id } of versions.reverse()) {
          const { status, text } = await request(location, `${base}/${key}?versionId=${encodeURIComponent(id)}`);
          if (status !== 200) throw new Error(`${base}/${key} answered ${status}${reasonIn(text)}`);
          yield text;
          // Not what was put behind ours, nor an older one of ours under a newer name.
          if (key.slice(prefix.length) === nameIn(text) && counts(text)) break;
        }
      }
    },
  };
}

function nameOf({ log, size }: TreeHead): string {
  return `${encodeURIComponent(log)}/${String(size).padStart(DIGITS, "0")}`;
}

/** The name that a note's own text asks for. */
function nameIn(note: string): string {
  const [origin = "", size = ""] = note.split("\n");
  return `${origin.split("/")[2] ?? ""}/${size.padStart(DIGITS, "0")}`;
}

interface Version {
  key: string;
  id: string;
}

/**
 * ListObjectVersions, in the order of keys. Object lock keeps versions: a delete marker, or a newer version, hides one
 * that is locked from whoever lists objects, and takes no more than the right to delete or to put.
 */
async function* listVersions(location: S3Location, base: string, prefix: string): AsyncGenerator<Version> {
  let next: Version | undefined;
  do {
    const query = new URLSearchParams({ versions: "", "encoding-type": "url", prefix });
    if (next !== undefined) query.set("key-marker", next.key);
    if (next !== undefined && next.id !== "") query.set("version-id-marker", next.id);
    const { status, text } = await request(location, `${base}?${query}`);
    if (status !== 200) throw new Error(`${base} answered ${status}${reasonIn(text)}`);
    for (const [version] of text.matchAll(/<Version>.*?<\/Version>/gs)) {
      yield { key: keyIn(version, "Key"), id: textIn(version, "VersionId") };
    }
    const key = keyIn(text, "NextKeyMarker");
    next = key === "" ? undefined : { key, id: textIn(text, "NextVersionIdMarker") };
  } while (next !== undefined);
}

function textIn(xml: string, name: string): string {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1] ?? "";
}

/** Keys come URL-encoded, so neither entities nor markup can stand in them. */
function keyIn(xml: string, name: string): string {
  return decodeURIComponent(textIn(xml, name).replaceAll("+", " "));
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
