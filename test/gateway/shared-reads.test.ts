import type { ServerResponse } from "node:http";
import { expect, test } from "vitest";
import { kube, send, spooled, until } from "./client.ts";
import { answerJson } from "./cluster.ts";
import { startRig } from "./rig.ts";

test("a read that several exchanges wait for goes on when the client that caused it leaves", async () => {
  const scopes = [{ name: "prod", match: { namespaceLabels: { tier: "prod" } }, record: "Request" }];
  const rig = await startRig({ guardrails: { profiles: ["baseline"], scopes } });
  try {
    const token = await rig.token("agent");
    const others = async (): Promise<void> => {
      for (let i = 0; i < 5; i++) expect((await send(rig, "GET", "/connections/local/api")).status).toBe(401);
    };
    const waiting: ServerResponse[] = [];
    const answer = rig.upstream.answer;
    rig.upstream.answer = (seen, res) => {
      if (seen.url === "/api/v1/namespaces/shop") waiting.push(res);
      else answer(seen, res);
    };
    const gone = new AbortController();
    const path = "/api/v1/namespaces/shop/pods";
    const first = kube(rig, "GET", `${path}?limit=1`, { token, signal: gone.signal }).catch(() => "gone");
    await until(() => waiting.length === 1);
    const second = kube(rig, "GET", `${path}?limit=2`, { token });
    // Both wait on the one read before the first leaves: what was asked after them has been answered.
    await others();
    gone.abort();
    expect(await first).toBe("gone");
    await others();
    for (const res of waiting) answerJson(res, 200, { kind: "Namespace", metadata: { name: "shop", labels: {} } });
    expect((await second).status).toBe(200);
    expect(waiting).toHaveLength(1);
    // The first one's request ended with its client, and the read is still its own.
    const read = await until(() => spooled(rig).find(({ kind }) => kind === "gather"));
    const parent = await until(() =>
      spooled(rig).find(({ kind, session_id }) => kind === "request.refused" && session_id !== "anonymous"),
    );
    expect(JSON.parse(read.payload)).toMatchObject({ parent: parent.exchange_id, purpose: "namespaceLabels" });
    expect(rig.upstream.seen.map(({ url }) => url)).toEqual(["/api/v1/namespaces/shop", `${path}?limit=2`]);
  } finally {
    await rig.close();
  }
});
