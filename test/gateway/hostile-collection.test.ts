import { afterAll, beforeAll, expect, test } from "vitest";
import { kube } from "./client.ts";
import { type Rig, startRig } from "./rig.ts";
import { SECRETS } from "./secret.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.close());

test("a deletecollection of more than policy reads in its time is refused, and the list of it is not read on", async () => {
  const megabyte = `{"metadata":{"name":"a"},"data":{"a":"${"A".repeat(1_000_000)}"}},`;
  let written = 0;
  rig.upstream.answer = (_seen, res) => {
    res
      .writeHead(200, { "content-type": "application/json" })
      .write('{"kind":"SecretList","apiVersion":"v1","items":[');
    const more = (): void => {
      while (written < 60 && !res.destroyed) {
        written++;
        if (!res.write(megabyte)) return;
      }
      if (written === 60) res.end('{"metadata":{"name":"b"}}]}');
    };
    res.on("drain", more);
    more();
  };
  const { status, json } = await kube(rig, "DELETE", SECRETS, { token: await rig.token("agent") });
  expect(status).toBe(403);
  expect(String(json?.message)).toContain("more than can be");
  expect(written).toBeLessThan(40);
  expect(rig.upstream.seen.map(({ method }) => method)).toEqual(["GET"]);
});
