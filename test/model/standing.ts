import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import { parseStanding, type StandingException } from "../../approvals/standing/exception.ts";
import { StandingIndex, type StandingQuestion } from "../../approvals/standing/standing.ts";
import type { DialogueInput } from "../../engine/input.ts";
import type { ModelDeps } from "../../proxy/model/deps.ts";
import { withStanding } from "../../proxy/model/standing.ts";
import { inThirtyDays, standingFile } from "../approvals/standing-files.ts";
import { sallyport } from "../cli/run.ts";
import { type Reply, send, spooled, until } from "../gateway/client.ts";
import { bash, payload, type Scripted, stream } from "./dialogue.ts";
import type { ModelRig } from "./rig.ts";

const ALL = process.env.SALLYPORT_TEST_ALL === "1";

let rig: ModelRig;
let agent: string;
let alice: string;
let n = 0;

/** An exception of one agent for its tool Bash; `spec` is put over it key by key. */
function fileOf(name: string, { match, ...rest }: Record<string, unknown>): string {
  return standingFile(name, {
    rules: ["tool/around-gateway"],
    subjects: [{ issuer: "dev", username: "dev:agent@example.com" }],
    requestedBy: { issuer: "dev", username: "dev:bob@example.com", session: "" },
    notAfter: inThirtyDays(),
    ...rest,
    match: { connection: "claude", resources: ["/Bash"], namespaces: undefined, ...(match as object) },
  });
}

/** Takes one into force until the test is over. */
async function except(spec: Record<string, unknown> = {}): Promise<string> {
  const name = `of-the-dialogue-${++n}`;
  const file = fileOf(name, spec);
  const on = (verb: string, body: object) =>
    send(rig, "POST", `/v1alpha1/exceptions/${name}/${verb}`, { token: alice, body });
  expect((await on("apply", { file, reason: "as the test says" })).status).toBe(200);
  onTestFinished(async () => void (await on("revoke", { reason: "the test is over" })));
  return name;
}

/** Denied by tool/around-gateway. */
const around = (id: string, name = "Bash"): Scripted => ({ ...bash(id, "curl -k https://10.0.0.1:6443/api"), name });

function ask(tools: Scripted[], model = "claude-x"): Promise<Reply> {
  rig.provider.scripts = [{ parts: [stream("On it.", tools)] }];
  return send(rig, "POST", "/connections/claude/v1/messages", {
    token: agent,
    headers: { accept: "*/*" },
    body: { model, max_tokens: 9, stream: true, messages: [{ role: "user", content: "go" }] },
  });
}

const idsIn = ({ text }: Reply): string[] =>
  [...text.matchAll(/"type":"tool_use","id":"(\w+)"/g)].map(([, id = ""]) => id);

/** Standing exceptions of the model's side, on a gateway whose guardrails take `forbidden-*` out of the models that are allowed. */
export function describeStanding(open: () => ModelRig): void {
  describe("a standing exception", () => {
    beforeAll(async () => {
      rig = open();
      alice = await rig.token("alice", "admin");
      agent = await rig.token("agent");
    });

    test("lets a tool call through that its rule denies, is named on record, and no other tool's", async () => {
      const name = await except({ match: { verbs: ["tool"] } });
      expect(idsIn(await ask([around("toolu_s1"), around("toolu_s2", "Shell")]))).toEqual(["toolu_s1"]);
      const event = await until(() => spooled(rig).find((one) => one.tool_use_id === "toolu_s1"));
      expect(event.effect).toBe("allow");
      expect(payload(event).findings).toMatchObject([
        { rule: "tool/around-gateway", effect: "allow", exception: name },
      ]);
    });

    if (ALL)
      test("lets one through that its rule holds, and asks nobody", async () => {
        await except({ rules: ["ours/held"] });
        expect(idsIn(await ask([bash("toolu_s3", "ls")], "holds Bash"))).toEqual(["toolu_s3"]);
        const events = await until(() => {
          const found = spooled(rig).filter((one) => one.tool_use_id === "toolu_s3");
          return found.some(({ kind }) => kind === "dialogue.tool_use") && found;
        });
        expect(events.map(({ kind }) => kind)).toEqual(["dialogue.tool_use"]);
      });

    // The command line takes seconds to start where others run.
    if (ALL)
      test("is written for a tool call that was denied, and lets it through", { timeout: 60_000 }, async () => {
        const { text } = await ask([around("toolu_new")]);
        const [, decision = ""] = /Decision ([\w-]+)\./.exec(text) ?? [];
        await until(async () => {
          const { status } = await send(rig, "GET", `/v1alpha1/decisions/${decision}`, { token: agent });
          return status === 200 || undefined;
        });
        const idToken = join(rig.directory, "agent.id");
        writeFileSync(idToken, agent);
        const args = [
          "exceptions",
          "new",
          "--from",
          decision,
          "--owner",
          "user:dev:bob@example.com",
          "--name",
          "written",
        ];
        const { code, stdout, stderr } = await sallyport(args, {
          SALLYPORT_URL: rig.gateway.url,
          SALLYPORT_CA_FILE: rig.caFile,
          SALLYPORT_CONNECTION: "local",
          SALLYPORT_ID_TOKEN_FILE: idToken,
          XDG_CONFIG_HOME: rig.directory,
        });
        expect([code, stderr]).toEqual([0, ""]);
        expect(parse(stdout).spec).toMatchObject({
          rules: ["tool/around-gateway"],
          subjects: [{ issuer: "dev", username: "dev:agent@example.com" }],
          match: { connection: "claude", verbs: ["tool"], resources: ["/Bash"] },
        });
        const body = { file: stdout, reason: "as the test says" };
        const applied = await send(rig, "POST", "/v1alpha1/exceptions/written/apply", { token: alice, body });
        expect(applied.status).toBe(200);
        expect(idsIn(await ask([around("toolu_written")]))).toEqual(["toolu_written"]);
        await send(rig, "POST", "/v1alpha1/exceptions/written/revoke", { token: alice, body: { reason: "over" } });
      });

    test("that counts its uses lets as many calls through, of one reply as well", async () => {
      await except({ maxUses: 1 });
      expect(idsIn(await ask([around("toolu_s4"), around("toolu_s5")]))).toHaveLength(1);
      expect(idsIn(await ask([around("toolu_s6")]))).toEqual([]);
    });

    test.for<[string, Record<string, unknown>, number]>([
      ["of its tool", {}, 1],
      ["of any verb on any tool of theirs", { match: { resources: undefined } }, 1],
      ["of another tool", { match: { resources: ["/Read"] } }, 0],
      ["of another verb", { match: { verbs: ["create", "dialogue"] } }, 0],
      ["of a group of resources, which no tool is of", { match: { resources: ["apps/Bash"] } }, 0],
      ["of another connection", { match: { connection: "gpt" } }, 0],
      ["of other people", { subjects: [{ group: "dev:sre" }] }, 0],
      ["of a namespace, which no tool call is in", { match: { namespaces: ["shop"] } }, 0],
      ["of a name, which no tool call has", { match: { names: ["Bash"] } }, 0],
      ["of labels, which no tool call has", { match: { labels: { app: "db" } } }, 0],
    ])("%s: %j is put to policy with a call of it %i times", ([, spec, times]) => {
      const index = new StandingIndex([parseStanding("one", fileOf("one", spec)) as StandingException]);
      const approvals = { standing: { candidates: (asked: StandingQuestion) => index.candidates(asked, 0) } };
      const user = { issuer: "dev", username: "dev:agent@example.com", groups: ["dev:devs"] };
      const asked = { connection: { name: "claude" }, user, exceptions: [], tool: { name: "Bash" } };
      const deps = { approvals } as unknown as ModelDeps;
      expect(withStanding(asked as unknown as DialogueInput, deps).exceptions).toHaveLength(times);
      expect(withStanding(asked as unknown as DialogueInput, deps, new Set(["one"])).exceptions).toEqual([]);
    });

    test("on a cluster's connection is refused: there it would lift no rule of tools", async () => {
      const file = fileOf("idle", { match: { connection: "local" } });
      const body = { file, reason: "as the test says" };
      const { status, json } = await send(rig, "POST", "/v1alpha1/exceptions/idle/apply", { token: alice, body });
      const said = expect.stringMatching(/match.connection: "local" has no tool calls .*it would lift nothing/);
      expect([status, json?.errors]).toEqual([400, [said]]);
    });

    test("lets a model be asked that is not allowed, and ends its reply when it is taken back", async () => {
      const spec = { rules: ["dialogue/allowed-models"], match: { verbs: ["dialogue"], resources: ["/forbidden-*"] } };
      expect((await ask([], "forbidden-x")).status).toBe(403);
      const name = await except(spec);
      expect((await ask([], "forbidden-x")).status).toBe(200);
      const [head = "", ...rest] = stream("On it.").split(/(?<=\n\n)/);
      const { promise, resolve } = Promise.withResolvers<void>();
      rig.provider.scripts = [{ parts: [head, () => promise, ...rest] }];
      const reply = send(rig, "POST", "/connections/claude/v1/messages", {
        token: agent,
        headers: { accept: "*/*" },
        body: { model: "forbidden-x", max_tokens: 9, stream: true, messages: [{ role: "user", content: "go" }] },
      });
      const cut = expect(reply).rejects.toThrow();
      rig.provider.asked.splice(0);
      await until(() => rig.provider.asked.length === 1);
      const body = { reason: "no longer" };
      await send(rig, "POST", `/v1alpha1/exceptions/${name}/revoke`, { token: alice, body });
      await cut;
      resolve();
    });
  });
}
