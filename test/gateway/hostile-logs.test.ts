import { afterAll, beforeAll, expect, test } from "vitest";
import { kube } from "./client.ts";
import { answerJson } from "./cluster.ts";
import { type Rig, startRig } from "./rig.ts";
import { ENCODED, SECRETS, secret, VALUE } from "./secret.ts";

const LOG = "/api/v1/namespaces/shop/pods/web/log";
const line = `connecting with ${VALUE} or ${ENCODED} now\n`;

let rig: Rig;
let token: string;
beforeAll(async () => {
  rig = await startRig();
  token = await rig.token("agent");
  rig.upstream.answer = ({ url }, res) => {
    const { pathname, searchParams } = new URL(url, "https://upstream");
    if (pathname === `${SECRETS}/db`) answerJson(res, 200, secret());
    else if (pathname !== LOG) {
      answerJson(res, 200, { kind: "Pod", apiVersion: "v1", metadata: { name: "web", namespace: "shop" }, spec: {} });
    } else {
      res.writeHead(200, { "content-type": "text/plain" });
      // As the kubelet does it (k8s.io/cri-client logs.go): the line that is over the limit is cut.
      res.end(line.slice(0, Number(searchParams.get("limitBytes") ?? line.length)));
    }
  };
  await kube(rig, "GET", `${SECRETS}/db`, { token });
});
afterAll(() => rig.close());

test("a log that its caller cuts in the middle of a value shows no part of it", async () => {
  const whole = (await kube(rig, "GET", LOG, { token })).text;
  expect(whole.match(/\*/g)).toHaveLength(VALUE.length + ENCODED.length);
  for (let limit = 1; limit <= line.length; limit++) {
    const { text } = await kube(rig, "GET", `${LOG}?limitBytes=${limit}`, { token });
    expect(text).toHaveLength(limit);
    const shown = [...text].filter((letter, i) => letter !== "*" && letter !== whole[i]);
    expect(shown).toEqual([]);
  }
});

test("a log that ends by itself keeps its last letters, also those that could begin a value", async () => {
  const { text } = await kube(rig, "GET", LOG, { token });
  expect(text).toMatch(/ now\n$/);
});
