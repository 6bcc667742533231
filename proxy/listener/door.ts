import { Refusal } from "../../base/errors.ts";
import type { HttpRequest } from "../http.ts";

const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
const MAX_HEADERS = 100;

/** What is looked at of a request before anything else. */
export type DoorRequest = Pick<HttpRequest, "method" | "httpVersionMajor" | "headers" | "rawHeaders">;

/**
 * What no policy is asked about: framing and headers that have opened other gateways (wire-pitfalls). One pass
 * over the raw headers, since Node's parsed ones have already dropped what a repeated header said.
 */
export function checkDoor(req: DoorRequest): void {
  if (!METHODS.has(req.method ?? "")) {
    throw new Refusal("method-not-allowed", `the method ${req.method} is not used with a Kubernetes API`);
  }
  if (req.httpVersionMajor === 2) checkPseudoHeaders(req);
  const raw = req.rawHeaders;
  if (raw.length > MAX_HEADERS * 2) {
    throw new Refusal("bad-header", `the request has over ${MAX_HEADERS} headers`);
  }
  let authorizations = 0;
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] as string).toLowerCase();
    switch (name.charCodeAt(0)) {
      case 97: // a
        if (name === "authorization" && ++authorizations > 1) {
          throw new Refusal("bad-header", "the request has more than one Authorization header");
        }
        break;
      case 101: // e
        if (name === "expect" && (raw[i + 1] as string).toLowerCase() !== "100-continue") {
          throw new Refusal("bad-header", "Expect may only say 100-continue");
        }
        break;
      case 105: // i
        if (name.startsWith("impersonate-")) {
          throw new Refusal(
            "impersonation",
            `the header ${raw[i]} asks to act as somebody else, which the gateway refuses`,
            {
              next: "Send requests as yourself: the gateway tells the cluster who you are.",
              causes: [
                { rule: "request/impersonation", message: "client impersonation is refused", field: raw[i] as string },
              ],
            },
          );
        }
        break;
      case 115: // s
        if (name === "sec-websocket-protocol" && /base64url\.bearer\./i.test(raw[i + 1] as string)) {
          // It authenticates by itself at the API server, beside a bad Authorization header (wire-pitfalls, bearer subprotocol).
          throw new Refusal("bad-header", "a bearer token in Sec-WebSocket-Protocol is refused", {
            next: "Send the token in the Authorization header.",
          });
        }
        break;
      case 116: // t
        if (name === "trailer") throw new Refusal("bad-header", "trailers are refused");
        if (name === "transfer-encoding" && (raw[i + 1] as string).toLowerCase() !== "chunked") {
          throw new Refusal("bad-header", "Transfer-Encoding may only say chunked");
        }
        break;
      case 120: // x
        if (name.startsWith("x-remote-")) {
          throw new Refusal("impersonation", `the header ${raw[i]} claims an identity, which the gateway refuses`, {
            next: "Send requests as yourself: the gateway tells the cluster who you are.",
            causes: [
              { rule: "request/impersonation", message: "front-proxy headers are refused", field: raw[i] as string },
            ],
          });
        }
        break;
    }
  }
}

/**
 * What nghttp2 lets through of what RFC 9113 §8.3.1 calls malformed: two names of the server, and another scheme,
 * which would let `:path` be no path.
 */
function checkPseudoHeaders({ headers }: DoorRequest): void {
  const { ":scheme": scheme, ":authority": authority, host } = headers;
  if (scheme !== "https") throw new Refusal("bad-target", "the scheme of the request must be https");
  if (host !== undefined && authority !== undefined && host !== authority) {
    throw new Refusal("bad-header", "Host and :authority name two servers");
  }
}

/** The token of the Authorization header. Refuses what is not one bearer token (RFC 6750 §2.1). */
export function bearerToken(req: HttpRequest): string {
  const header = req.headers.authorization;
  if (header === undefined) {
    throw new Refusal("unauthenticated", "the request has no Authorization header", {
      next: "Run `sallyport login`, then use the kubeconfig that `sallyport kubeconfig` writes.",
    });
  }
  const token = /^bearer +([\w\-.~+/]+=*)$/i.exec(header)?.[1];
  if (token === undefined) throw new Refusal("unauthenticated", "the Authorization header is not one bearer token");
  return token;
}
