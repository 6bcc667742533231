import { Refusal } from "../../base/errors.ts";
import type { ModelConnection } from "./connection.ts";

/**
 * Refuses an answer whose head quotes the gateway's own key in one of its values. The caller never sees a credential of the
 * gateway's.
 */
export function refuseKeyInHead(connection: Pick<ModelConnection, "key">, head: object): void {
  const key = connection.key();
  if (Object.values(head).some((value) => String(value).includes(key))) throw quoted();
}

/** The same of a body that is whole, as some providers' errors are, also behind JSON's escapes. */
export function refuseKeyInBody(connection: Pick<ModelConnection, "key">, body: Buffer): void {
  const key = connection.key();
  if (body.includes(key) || (mayEscape(body, key) && unescaped(body).includes(key))) throw quoted();
}

/** The same of what streams, piece by piece. */
export function ownKeyRefuser(connection: Pick<ModelConnection, "key">): (piece: Uint8Array) => void {
  const key = Buffer.from(connection.key());
  return ({ buffer, byteOffset, length }) => {
    if (Buffer.from(buffer, byteOffset, length).includes(key)) throw quoted();
  };
}

/** Of what a key is made of, JSON escapes letters by their code, and a slash. */
function mayEscape(body: Buffer, key: string): boolean {
  return body.includes("\\u00") || (key.includes("/") && body.includes("\\/"));
}

/** What is no JSON has no escapes. */
function unescaped(body: Buffer): string {
  try {
    return JSON.stringify(JSON.parse(body.toString()));
  } catch (error) {
    if (error instanceof SyntaxError) return "";
    throw error;
  }
}

function quoted(): Refusal {
  return new Refusal("credential-unavailable", "the provider's answer quotes the gateway's own key", {
    next: "Tell the operator of the gateway.",
  });
}
