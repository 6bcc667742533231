import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { decide, type Listed, listed } from "../gateway/approvals.ts";
import { type Reply, send, spooled, until } from "../gateway/client.ts";
import { approveOn, atHomeOn, openGitHub } from "../gateway/github.ts";
import type { Rig } from "../gateway/rig.ts";
import type { GitHubDouble } from "../github/double.ts";
import { asking, WAYS, type Way } from "./held.ts";
import { type ModelRig, startModelRig } from "./rig.ts";

const ALL = process.env.SALLYPORT_TEST_ALL === "1";
const GUARDRAILS = {
  profiles: ["baseline"],
  defaults: { record: "Request", approval: { approvers: ["group:dev:sre"], required: 1, holdSeconds: 20 } },
  scopes: [{ name: "hasty", match: { connections: ["gpt"] }, approval: { holdSeconds: 1 } }],
};

// Two gateways and an approvals repository take seconds to open: one gateway's holds are in holds.test.ts.
describe.runIf(ALL).each(["embedded", "GitHub"])(
  "a tool call that two gateways hold, with approvals at home on %s,",
  (home) => {
    let github: GitHubDouble | undefined;
    let rig: ModelRig;
    let other: Rig;
    let alice: string;
    let agent: string;
    let n = 0;

    beforeAll(async () => {
      if (home === "GitHub") github = await openGitHub();
      rig = await startModelRig({
        guardrails: GUARDRAILS,
        // Long enough that nothing here waits for a poll.
        ...(github === undefined ? {} : { change: atHomeOn(github, { pollSeconds: 300 }) }),
        replica: { pushes: true },
      });
      if (rig.replica === undefined) throw new Error("there is no second gateway");
      other = rig.replica;
      alice = await rig.token("alice", "admin");
    }, 120_000);
    afterAll(async () => {
      await rig?.close();
      await github?.close();
    });
    beforeEach(async () => {
      agent = await rig.token("agent");
    });

    const [message, chat, responses] = ["message", "chat completion", "response"].map((name) =>
      WAYS.find((way) => way.name === `a ${name} that streams`),
    ) as [Way, Way, Way];
    const whole = WAYS.find(({ name }) => name === "a response") as Way;

    /** The model, asked at a gateway, calls Bash with this command. */
    function ask(way: Way, command: string, at: Rig = rig): Promise<Reply> {
      rig.provider.answer = ({ url }) =>
        (WAYS.find(({ path, streams }) => path.endsWith(url) && streams === way.streams) ?? way).script(
          "call_1",
          command,
        );
      const body = asking(way, "holds Bash");
      return send(at, "POST", way.path, { token: agent, headers: { accept: "*/*" }, body });
    }
    const newCommand = (): string => `kubectl get pods -n shared-${++n}-${home.toLowerCase()}`;
    const proposed = (command: string, at: Rig = rig, state = "pending"): Promise<Listed> =>
      until(async () =>
        (await listed(at, alice)).find(
          (one) => one.state === state && (one.summary as unknown as { command: string }).command === command,
        ),
      );
    const pullOf = ({ name }: Listed) => {
      const pull = [...(github?.state.pulls.values() ?? [])].find(
        (one) => one.title.includes(name) || one.body?.includes(name),
      );
      if (pull === undefined) throw new Error(`no pull request of ${name}`);
      return pull;
    };
    /** What GitHub sends, to one of the two: the other is told by its peer. */
    async function hook(at: Rig): Promise<void> {
      if (github === undefined) return;
      const body = "{}";
      const headers = { "x-github-delivery": `d-${home}-${++n}`, "x-hub-signature-256": github.webhooks.sign(body) };
      expect((await send(at, "POST", "/webhooks/github", { headers, body })).status).toBe(200);
    }
    async function approve(one: Listed, at: Rig = rig): Promise<void> {
      if (github === undefined) expect((await decide(at, alice, one)).status).toBe(200);
      else await approveOn(github, pullOf(one).number);
      await hook(at);
    }
    const passed = (way: Way, command: string, { text }: Reply): boolean => text.includes(way.text("call_1", command));

    test.for([message, chat, responses, whole])("goes to the client once it is approved, in $name", async (way) => {
      const command = newCommand();
      const reply = ask(way, command);
      const one = await proposed(command);
      if (github !== undefined) {
        const { title, body } = pullOf(one);
        expect(title).toContain("tool Bash on ");
        expect(body).toContain(command);
      }
      await approve(one);
      const answer = await reply;
      if (way.path.includes("/gpt/") && !passed(way, command, answer)) {
        // A connection where a human is not waited for: the same call again, once the gateway knows.
        await proposed(command, rig, "approved");
        expect(passed(way, command, await ask(way, command))).toBe(true);
      } else expect(passed(way, command, answer)).toBe(true);
    });

    test("is decided where another gateway is told of it", async () => {
      const command = newCommand();
      const reply = ask(message, command);
      await approve(await proposed(command, other), other);
      expect(passed(message, command, await reply)).toBe(true);
    });

    test("and is made at both at once is one proposal, and one of the two goes", async () => {
      const command = newCommand();
      const replies = [ask(message, command), ask(message, command, other)];
      const one = await proposed(command);
      await until(() => [rig, other].every((at) => spooled(at).some(({ approval_id }) => approval_id === one.name)));
      await approve(one);
      const answers = await Promise.all(replies);
      expect(answers.filter((answer) => passed(message, command, answer))).toHaveLength(1);
      const refused = answers.find((answer) => !passed(message, command, answer));
      expect(refused?.text).toMatch(/sallyport: the call of Bash was not passed on: held for approval by ours\/held: /);
    });

    test("and was approved too late goes at the other when it is made again, and at neither a second time", async () => {
      const command = newCommand();
      expect(passed(chat, command, await ask(chat, command))).toBe(false);
      await approve(await proposed(command));
      await proposed(command, other, "approved");
      expect(passed(chat, command, await ask(chat, command, other))).toBe(true);
      await proposed(command, rig, "consumed");
      expect(passed(chat, command, await ask(chat, command))).toBe(false);
    });

    test("and is denied at one is not asked about at the other", async () => {
      const command = newCommand();
      const reply = ask(message, command);
      const { name } = await proposed(command);
      const deny = await send(rig, "POST", `/v1alpha1/approvals/${name}/deny`, {
        token: alice,
        body: { reason: "not now" },
      });
      expect(deny.status).toBe(200);
      expect((await reply).text).toMatch(/denied by dev:alice.*: not now/);
      // The other one says who denied it, as of any request that was.
      expect((await ask(message, command, other)).text).toMatch(
        /denied by dev:alice.*: not now|dev:alice.* denied this: not now/,
      );
    });
  },
);

test.runIf(ALL)(
  "holds of tool calls while GitHub is out of reach let nothing through, and say so",
  async () => {
    const github = await openGitHub();
    const rig = await startModelRig({ guardrails: GUARDRAILS, change: atHomeOn(github, { pollSeconds: 300 }) });
    try {
      const way = WAYS[0] as Way;
      rig.provider.scripts = [way.script("call_1", "kubectl get pods -n unreachable")];
      github.fault.down();
      const body = asking(way, "holds Bash");
      const { status, text } = await send(rig, "POST", way.path, { token: await rig.token("agent"), body });
      github.fault.up();
      expect(status).toBe(200);
      expect(text).toMatch(/the call of Bash was not passed on: .*held by ours\/held: /);
      expect(text).not.toContain("kubectl");
    } finally {
      await rig.close();
      await github.close();
    }
  },
  60_000,
);
