/** A request to a cluster that a tool call's command would make; absent fields are not known ahead. */
export interface ExpectedRequest {
  /** Absent for what comes by either of two: a terminal is a get over WebSocket and a create over SPDY. */
  verb?: string;
  group?: string;
  /** Absent where a file says it. */
  resource?: string;
  subResource?: string;
  namespace?: string;
  name?: string;
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
export interface LinkedRequest {
  verb: string;
  group: string;
  resource: string;
  subResource: string;
  namespace: string;
  name: string;
  nonResource: boolean;
}

/** Of calls that may ask something of a cluster, those that may have made a request; and how sure that is where it is one. */
export function possible(
  calls: readonly (OpenCall & { over?: boolean })[],
  request: LinkedRequest,
): { strength: "exact" | "window"; calls: readonly OpenCall[] } {
  const saying = calls.filter(({ expects }) =>
    expects.some((one) => one.resource !== undefined && matches(one, request)),
  );
  const running = saying.filter(({ over }) => over !== true);
  const exact = running.length > 0 ? running : saying;
  if (exact.length > 0) return { strength: "exact", calls: exact };
  // What goes on in the background is known by what it does alone.
  const open = calls.filter(({ over }) => over !== true);
  const able = open.filter((call) => couldMake(call, request));
  return { strength: "window", calls: able.length > 0 ? able : open };
}

function couldMake({ reach = "anything", expects }: OpenCall, request: LinkedRequest): boolean {
  if (request.nonResource || reach === "anything") return true;
  return expects.some((one) => one.resource === undefined && matches(one, request));
}

const FIELDS = ["verb", "group", "resource", "subResource", "namespace", "name"] as const;

function matches(expected: ExpectedRequest, request: LinkedRequest): boolean {
  if (request.nonResource) return false;
  return FIELDS.every((field) => expected[field] === undefined || expected[field] === request[field]);
}

/** Whether a kubectl command's words are those of `Kubectl-Command` (`kubectl rollout restart`), its flags apart. */
export function isCommand(words: readonly string[], claimed: string): boolean {
  const [program, ...said] = claimed.split(" ");
  if (program !== "kubectl" || said.length === 0) return false;
  let at = 0;
  for (const word of words) if (word === said[at]) at++;
  return at === said.length;
}
