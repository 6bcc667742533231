import { readFileSync } from "node:fs";
import type { IncomingHttpHeaders } from "node:http";
import { join } from "node:path";
import { Readable } from "node:stream";
import { Agent, type Dispatcher, request } from "undici";
import type { EventRow } from "../../audit/event.ts";
import { listSegments, readSegment, segmentPath } from "../../audit/spool/segments.ts";
import type { Rig } from "./rig.ts";

export interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  /** The body as JSON, or undefined where it is none. */
  json: Record<string, unknown> | undefined;
}

export interface Call {
  token?: string;
  headers?: Record<string, string | string[]>;
  /** An object goes as JSON, a stream in chunks. */
  body?: string | Buffer | Readable | object;
  signal?: AbortSignal;
  /** HTTP/2 where absent. */
  http?: 1 | 2;
}

const agents = { 1: new WeakMap<Rig, Agent>(), 2: new WeakMap<Rig, Agent>() };

/** One per gateway, so that connections are kept and used again as client-go does. It speaks HTTP/2, as client-go. */
export function agentOf(rig: Rig, http: 1 | 2 = 2): Agent {
  const known = agents[http].get(rig);
  if (known !== undefined) return known;
  const agent = new Agent({
    connect: { ca: readFileSync(rig.caFile, "utf8") },
    connections: 64,
    allowH2: http === 2,
  });
  agents[http].set(rig, agent);
  return agent;
}

/** Opens a request and leaves its answer's body to the caller. */
export function open(rig: Rig, method: string, path: string, call: Call = {}): Promise<Dispatcher.ResponseData> {
  const { token, body, headers = {}, signal } = call;
  const asIs = typeof body === "string" || Buffer.isBuffer(body) || body instanceof Readable;
  return request(`https://127.0.0.1:${rig.gateway.port}${path}`, {
    dispatcher: agentOf(rig, call.http),
    method: method as Dispatcher.HttpMethod,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      accept: "application/json",
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: asIs ? body : JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** Sends one request to the gateway and reads its whole answer. */
export async function send(rig: Rig, method: string, path: string, call: Call = {}): Promise<Reply> {
  const { statusCode, headers, body } = await open(rig, method, path, call);
  const text = await body.text();
  return { status: statusCode, headers, text, json: parsed(text) };
}

/** As `send`, below the connection of the rig. */
export function kube(rig: Rig, method: string, path: string, call: Call = {}): Promise<Reply> {
  return send(rig, method, `/connections/local${path}`, call);
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** The rules and codes that a Status names as its causes. */
export function causesOf({ json }: Reply): string[] {
  const details = (json?.details ?? {}) as { causes?: { reason: string }[] };
  return (details.causes ?? []).map((cause) => cause.reason);
}

/** What lies whole in the gateway's spool: all that it has put on record by now. */
export function spooled(rig: Pick<Rig, "directory">): EventRow[] {
  const path = join(rig.directory, "spool");
  return listSegments(path).flatMap(({ segment }) =>
    readSegment(segmentPath(path, segment), 0, undefined, 1 << 26)
      .frames.filter(({ type }) => type === "event")
      .map(({ payload }) => JSON.parse(payload.toString("utf8")) as EventRow),
  );
}

/** Waits for something that another process or thread brings about. */
export async function until<T>(find: () => T | undefined | false | Promise<T | undefined | false>): Promise<T> {
  const end = Date.now() + 45_000;
  for (;;) {
    const found = await find();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > end) throw new Error("it did not come about within 45 seconds");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
