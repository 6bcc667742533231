import { request } from "undici";
import { type ModelRig, startModelRig } from "../../model/rig.ts";
import { type Cut, cutInto } from "./in-process.ts";
import { DENIED, freeEvents, type Recorded, sameStream, type WireName } from "./recorded.ts";

const ENDPOINTS: Record<WireName, { connection: "claude" | "gpt"; path: string; body: object }> = {
  anthropic: {
    connection: "claude",
    path: "/v1/messages",
    body: { max_tokens: 1024, messages: [{ role: "user", content: "go on" }] },
  },
  "openai-chat": {
    connection: "gpt",
    path: "/v1/chat/completions",
    body: { messages: [{ role: "user", content: "go on" }] },
  },
  "openai-responses": { connection: "gpt", path: "/v1/responses", body: { input: "go on" } },
};

/** How long the client's acknowledgement may take before the gateway counts as one that keeps it. */
const ACKNOWLEDGED_MS = 10_000;

/** A whole gateway before the scripted provider, where no rule of the library has a say. */
export async function startSuite(): Promise<{ rig: ModelRig; token: string }> {
  const rig = await startModelRig({
    guardrails: {
      profiles: ["observe"],
      rules: { "ours/tools": { effect: "deny" } },
      defaults: { record: "Metadata" },
    },
  });
  return { rig, token: await rig.token("agent") };
}

export class Suite {
  readonly #rig: ModelRig;
  readonly #token: string;

  constructor(rig: ModelRig, token: string) {
    this.#rig = rig;
    this.#token = token;
  }

  /** What is wrong with what the client gets where the provider sends the stream in pieces so; empty where nothing is. */
  async wrongBy(one: Recorded, cut: Cut): Promise<string[]> {
    const wrong: string[] = [];
    const parts = cutInto(one.bytes, cut);
    for (const verdict of ["released", "denied"] as const) {
      this.#rig.provider.scripts = [{ parts }];
      const given = await this.#ask(one.wire, verdict === "denied" ? "denies *" : "any");
      if (!sameStream(one.wire, asRecorded(given), one[verdict])) {
        wrong.push(`${one.wire} ${one.name}, ${JSON.stringify(cut)}: ${verdict}, another stream came out`);
      }
    }
    return wrong;
  }

  /**
   * The provider sends each event that nothing stands in the way of only once the client has the one before, and the rest
   * once it has them all: who buffers the stream never gets to its end.
   */
  async wrongWhereAcknowledged(one: Recorded): Promise<string[]> {
    const free = freeEvents(one);
    const arrived = new Arrivals();
    let sent = 0;
    const parts = free.flatMap((event) => {
      sent += event.length;
      const upTo = sent;
      return [event, () => arrived.reach(upTo)];
    });
    this.#rig.provider.scripts = [{ parts: [...parts, one.bytes.subarray(sent)] }];
    const given = await this.#ask(one.wire, "denies *", arrived);
    if (arrived.late !== undefined) {
      return [
        `${one.wire} ${one.name}: the client had ${arrived.bytes} of ${arrived.late} bytes that nothing held back`,
      ];
    }
    return sameStream(one.wire, asRecorded(given), one.denied)
      ? []
      : [`${one.wire} ${one.name}: acknowledged one by one, another stream came out`];
  }

  async #ask(wire: WireName, model: string, arrived?: Arrivals): Promise<Buffer> {
    const { connection, path, body } = ENDPOINTS[wire];
    const answer = await request(`${this.#rig.base(connection)}${path}`, {
      method: "POST",
      dispatcher: this.#rig.dispatcher,
      headers: { authorization: `Bearer ${this.#token}`, "content-type": "application/json" },
      body: JSON.stringify({ model, stream: true, ...body }),
    });
    const chunks: Buffer[] = [];
    for await (const chunk of answer.body) {
      chunks.push(chunk as Buffer);
      arrived?.add((chunk as Buffer).length);
    }
    const bytes = Buffer.concat(chunks);
    if (answer.statusCode !== 200) throw new Error(`${wire}: ${answer.statusCode} ${bytes}`);
    return bytes;
  }
}

/** Bytes that the client has, and who waits for them. */
class Arrivals {
  bytes = 0;
  /** What was not there in time. */
  late: number | undefined;
  #waits: { upTo: number; done: () => void }[] = [];

  add(bytes: number): void {
    this.bytes += bytes;
    for (const { done } of this.#waits.filter(({ upTo }) => upTo <= this.bytes)) done();
    this.#waits = this.#waits.filter(({ upTo }) => upTo > this.bytes);
  }

  reach(upTo: number): Promise<void> {
    if (upTo <= this.bytes) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.late ??= upTo;
        reject(new Error("not acknowledged"));
      }, ACKNOWLEDGED_MS);
      this.#waits.push({
        upTo,
        done: () => {
          clearTimeout(timer);
          resolve();
        },
      });
    });
  }
}

/** The gateway's words in the place of a call, as those that the streams were recorded with. */
function asRecorded(bytes: Buffer): Buffer {
  const text = bytes.toString("latin1");
  return Buffer.from(text.replace(/sallyport: the call of [^"\\]*? Decision [\w-]+\./g, DENIED), "latin1");
}
