import { describe, expect, test } from "vitest";
import { anthropicError, anthropicErrorEvent, anthropicErrorType } from "../../../dialogue/anthropic/errors.ts";

describe("an error in Anthropic's shape", () => {
  test("has a type and words, and the request's id where there is one", () => {
    const { status, headers, body } = anthropicError(402, "billing_error", 'No "more".', { requestId: "req_1" });
    expect(status).toBe(402);
    expect(JSON.parse(body.toString())).toEqual({
      type: "error",
      error: { type: "billing_error", message: 'No "more".' },
      request_id: "req_1",
    });
    expect(headers).toMatchObject({ "content-type": "application/json", "request-id": "req_1" });
    expect(JSON.parse(anthropicError(403, "permission_error", "No.").body.toString())).not.toHaveProperty("request_id");
  });

  test("tells clients not to ask again where that cannot help, whatever they think of its status", () => {
    const retry = (status: number, options?: { retry: boolean }): string | undefined =>
      anthropicError(status, anthropicErrorType(status), "No.", options).headers["x-should-retry"];
    expect([400, 401, 402, 403, 404, 413].map((status) => retry(status))).toEqual(Array(6).fill("false"));
    expect([408, 409, 429, 500, 529].map((status) => retry(status))).toEqual(Array(5).fill("true"));
    expect(retry(409, { retry: false })).toBe("false");
  });

  test("in a stream is one event, on one line of data", () => {
    expect(anthropicErrorEvent("api_error", "a\nb").toString()).toBe(
      'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"a\\nb"}}\n\n',
    );
  });
});
