import type { RequestAttributes } from "../../kubernetes/types.ts";

/** A request to a cluster that a tool call's command would make; absent fields are not known ahead. */
export interface ExpectedRequest {
  /** Absent for what comes by either of two: a terminal is a get over WebSocket and a create over SPDY. */
  verb?: string;
  group?: string;
  /** Absent where a file says it. */
  resource?: string;
  subResource: string;
  namespace?: string;
  /** Of a create, the one in its body. */
  name?: string;
  /** Requirements that a request's selectors have to have; it may have more. */
  labelSelector?: string;
  fieldSelector?: string;
  /** Of a write; absent where the API server knows none. */
  dryRun?: boolean;
  /** `container` is empty where kubectl picks it. */
  exec?: { command: readonly string[]; container: string };
  /** The one that its context is of. */
  connection?: string;
  /** Its command says a cluster or credentials of which nobody here knows whether they are the connection's. */
  elsewhere?: true;
}

/** A tool call that was released to the client, whose result has not come back. */
export interface OpenCall {
  toolUseId: string;
  promptId: string;
  /** That wrote it, as the client named it. */
  model: string;
  name: string;
  /** Milliseconds since the epoch. */
  releasedAt: number;
  expects: readonly ExpectedRequest[];
  /**
   * What it may ask of a cluster beside that: what kubectl and helm look up of the API itself, nothing (it edits a file), or
   * who knows what (its text does not say). `anything` where absent.
   */
  reach?: "anything" | "discovery" | "nothing";
  /** The words of its kubectl commands, which `Kubectl-Command` is compared with. */
  kubectl?: readonly (readonly string[])[];
  /** It goes on after its result has come. */
  background?: boolean;
  /** What it tells another agent to do: that agent's first request to the model. */
  says?: string;
}

/**
 * How sure it is which tool call a request comes of. `exact`: one call alone says that it would make this very request.
 * `window`: one call alone was open that could make it. `claimed`: several could, and a header of the client's says which.
 * `none`: several could, or none was open.
 */
export type LinkStrength = "exact" | "window" | "claimed" | "none";

export interface Link {
  strength: LinkStrength;
  /** Empty where it is not known. */
  promptId: string;
  toolUseId: string;
  /** The model that wrote the call, or each of those that could be it. */
  model: string;
  /** Where several calls were open that could not be told apart by what they do. */
  candidates?: string[];
  /** What the client says of itself. It chooses among calls that are open, and never names another. */
  claims?: Record<string, string>;
}

/** What is compared: all of a request's own. `nonResource`: discovery, OpenAPI, `/version`. */
export interface LinkedRequest
  extends Pick<
    RequestAttributes,
    "verb" | "group" | "resource" | "subResource" | "namespace" | "name" | "nonResource"
  > {
  connection: string;
  labelSelector: string;
  fieldSelector: string;
  /** Absent as long as a body that is to be read may say it. */
  dryRun?: boolean;
  /** The name that a create's body says; absent as long as nobody read it. */
  made?: string;
  exec?: RequestAttributes["exec"];
  /** What only the body says counts as agreeing. */
  ahead?: true;
}

type Candidate = OpenCall & { over?: boolean };

/** Of calls that may ask something of a cluster, those that may have made a request; and how sure that is where it is one. */
export function possible(
  calls: readonly Candidate[],
  request: LinkedRequest,
): { strength: "exact" | "window"; calls: readonly OpenCall[] } {
  const saying = (how: Agreement): readonly Candidate[] => {
    const found = calls.filter(({ expects }) =>
      expects.some((one) => one.resource !== undefined && agreement(one, request) === how),
    );
    const running = found.filter(({ over }) => over !== true);
    return running.length > 0 ? running : found;
  };
  const exact = saying("whole");
  if (exact.length > 0) return { strength: "exact", calls: exact };
  const partly = saying("partly");
  if (partly.length > 0) return { strength: "window", calls: partly };
  // What goes on in the background is known by what it does alone.
  const open = calls.filter(({ over }) => over !== true);
  const able = open.filter((call) => couldMake(call, request));
  return { strength: "window", calls: able.length > 0 ? able : open };
}

function couldMake({ reach = "anything", expects }: OpenCall, request: LinkedRequest): boolean {
  if (request.nonResource || reach === "anything") return true;
  return expects.some((one) => one.resource === undefined && agreement(one, request) !== "none");
}

/** `partly`: nothing differs, and not all was said. */
type Agreement = "whole" | "partly" | "none";

const FIELDS = ["group", "resource", "subResource", "namespace", "connection"] as const;
const CONNECTS = new Set(["exec", "attach", "portforward"]);

function agreement(expected: ExpectedRequest, request: LinkedRequest): Agreement {
  if (request.nonResource) return "none";
  let whole = expected.elsewhere !== true;
  for (const field of FIELDS) {
    if (expected[field] === undefined) whole &&= field === "connection";
    else if (expected[field] !== request[field]) return "none";
  }
  if (expected.verb === undefined) whole &&= CONNECTS.has(expected.subResource);
  else if (expected.verb !== request.verb) return "none";
  const { made, dryRun, ahead = false } = request;
  const creates = request.verb === "create" && request.subResource === "";
  const name = creates ? made : request.name;
  if (expected.name === undefined) whole = false;
  else if (name === undefined) whole &&= ahead;
  else if (expected.name !== name) return "none";
  if (expected.dryRun !== undefined) {
    if (dryRun === undefined) whole &&= ahead;
    else if (expected.dryRun !== dryRun) return "none";
  }
  if (expected.subResource === "exec" && expected.exec === undefined) whole = false;
  const picked = selects(expected.labelSelector, request.labelSelector);
  if (!picked || !selects(expected.fieldSelector, request.fieldSelector) || !runs(expected, request)) return "none";
  return whole ? "whole" : "partly";
}

/** Whether a request's selector has each requirement that was said. A set's commas (`in (a,b)`) part no requirements. */
function selects(said = "", asked: string): boolean {
  if (said === "" || said === asked) return true;
  if (/[()\\]/.test(said + asked)) return false;
  const requirements = new Set(asked.split(",").map((one) => one.trim()));
  return said.split(",").every((one) => requirements.has(one.trim()));
}

/** An exec runs the words that were said, in the container that was said. */
function runs({ exec: said }: ExpectedRequest, { exec }: LinkedRequest): boolean {
  if (said === undefined) return true;
  if (exec === undefined) return false;
  if (said.container !== "" && said.container !== exec.container) return false;
  return said.command.length === exec.command.length && said.command.every((word, i) => word === exec.command[i]);
}

/** Whether a kubectl command's words are those of `Kubectl-Command` (`kubectl rollout restart`), its flags apart. */
export function isCommand(words: readonly string[], claimed: string): boolean {
  const [program, ...said] = claimed.split(" ");
  if (program !== "kubectl" || said.length === 0) return false;
  let at = 0;
  for (const word of words) if (word === said[at]) at++;
  return at === said.length;
}
