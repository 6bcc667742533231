import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { referencesIn, render, unseenIn } from "../approvals/pull-request/github-markdown.ts";
import type { GitHubDouble } from "../github/double.ts";
import { pending } from "./approvals.ts";
import { kube, until } from "./client.ts";
import { serveObjects } from "./cluster.ts";
import { approveOn, atHomeOn, openGitHub } from "./github.ts";
import { type Rig, startRig } from "./rig.ts";

const TEXT =
  "@alice fixes #1, closes acme/shop#2 GH-3 <!-- --> <img src=x> ![x](https://evil.example/x.png) [skip ci] `\u202e` https://evil.example";
const DOCS = "https://docs.example.com/rules";

let github: GitHubDouble;
let rig: Rig;
beforeAll(async () => {
  github = await openGitHub();
  const atHome = atHomeOn(github);
  rig = await startRig({
    guardrails: { defaults: { approval: { approvers: ["group:dev:sre"], holdSeconds: 60 } } },
    change: (config) => {
      atHome(config);
      (config.policy as { docsUrl?: string }).docsUrl = DOCS;
    },
  });
  serveObjects(rig.upstream);
});
afterAll(async () => {
  await rig?.close();
  await github?.close();
});

async function ask<T>(path: string): Promise<T> {
  const headers = { authorization: `Bearer ${github.token("alice")}` };
  const answer = await fetch(`${github.url}/repos/${github.repository}${path}`, { headers });
  return (await answer.json()) as T;
}

test("of all that a hostile agent wrote nothing acts on GitHub: not in the pull request, its commits or its comments", async () => {
  const name = "hostile";
  const body = {
    kind: "Pod",
    apiVersion: "v1",
    metadata: { name, annotations: { note: TEXT, [`a.example/${TEXT}`]: `${TEXT}\n${TEXT}` } },
    spec: { containers: [{ name: "a", image: "b" }], volumes: [{ name: TEXT, hostPath: { path: `/${TEXT}` } }] },
  };
  const headers = { "kubectl-command": TEXT.replace("\u202e", "") };
  const token = await rig.token("agent");
  const held = kube(rig, "POST", "/api/v1/namespaces/shop/pods", { token, headers, body });
  const proposal = await pending(rig, await rig.token("alice", "admin"), name);
  const [pull] = await ask<{ number: number; title: string; body: string; labels: { name: string }[] }[]>("/pulls");
  if (pull === undefined) throw new Error("there is no pull request");
  await approveOn(github, pull.number);
  expect((await held).status).toBe(201);
  const comments = await until(async () => {
    const found = await ask<{ body: string }[]>(`/issues/${pull.number}/comments`);
    return found.length > 0 ? found : undefined;
  });

  expect(pull.title).toBe(`create pods shop/${name} on local (workload/host-path)`);
  for (const text of [pull.title, pull.body, ...comments.map((comment) => comment.body)]) {
    const { links, images, comments: hidden, elements, references } = render(text);
    const own = [`${DOCS}#workloadhost-path`, `${rig.gateway.url}/approvals/${proposal.name}`];
    expect(links.filter((link) => !own.includes(link))).toEqual([]);
    expect({ images, elements, references }).toEqual({ images: [], elements: [], references: [] });
    // The gateway's own record and its MAC, of which no word is the agent's to write as it is.
    for (const comment of hidden)
      expect(comment).toMatch(/^<!--\nSallyport-Record: [^\n]*\nSallyport-Mac: [0-9a-f]+\n-->$/);
    expect(referencesIn(text)).toEqual([]);
    expect(unseenIn(text)).toEqual([]);
  }
  const messages = execFileSync("git", ["-C", github.path, "log", "--all", "--format=%B"], { encoding: "utf8" });
  expect(messages).toContain("Sallyport-Record: ");
  const ours = messages.split("\n").filter((line) => !line.startsWith("Merge pull request #"));
  expect(referencesIn(ours.join("\n"))).toEqual([]);
});
