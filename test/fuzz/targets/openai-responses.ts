import type { Outlet } from "../../../dialogue/openai/outlet.ts";
import { ResponsesStream } from "../../../dialogue/openai/responses/stream.ts";
import type { SseEvent } from "../../../dialogue/sse/sse-reader.ts";
import { responseCalls } from "../openai-calls.ts";
import { response } from "../openai-case.ts";
import { openaiTarget } from "../openai-stream.ts";

class PassesEmpty extends ResponsesStream {
  override event(event: SseEvent, outlet: Outlet): void {
    if (/item\.done.*"arguments":"\{\}"/.test(event.data ?? "")) outlet.passNow(event.bytes);
    super.event(event, outlet);
  }
}

export default openaiTarget({
  name: "openai-responses",
  plant: "a call without arguments goes out before it is decided",
  make: response,
  tokens: [
    '"output_index":1',
    '"output_index":0',
    '"type":"message"',
    '"type":"function_call"',
    '"item_id":"it_0"',
    '"name":"x"',
    '"item"',
    '"response"',
    '"call_id":"call_0"',
    "null",
    "event: error\n",
    "\n",
    "\r",
    "\n\n",
    ",",
    "}",
    "]",
    '"',
    "\\",
  ],
  reader: (wire) => new ResponsesStream(wire),
  broken: (wire) => new PassesEmpty(wire),
  calls: responseCalls,
  assembled: (out) => out,
  // A call that is whole in the response alone comes as its own events too.
  completed: (stream, out) => out.split("output_item.done").length > stream.split("output_item.done").length,
});
