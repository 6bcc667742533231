import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { send, spooled, until } from "./client.ts";
import { answerJson } from "./cluster.ts";
import { type Rig, startRig } from "./rig.ts";
import { SECRETS, secret, VALUE } from "./secret.ts";
import { dial, down, EXEC, switchProtocols, type TunnelClient, type TunnelServer, up, V5 } from "./tunnel-client.ts";

let rig: Rig;
let token: string;
beforeAll(async () => {
  rig = await startRig({
    guardrails: {
      profiles: ["baseline"],
      defaults: { record: "RequestResponse" },
      rules: { "access/exec": { effect: "record" }, "access/port-forward": { effect: "record" } },
    },
  });
});
afterAll(() => rig.close());

const STARS = "*".repeat(VALUE.length);
const spec = { containers: [{ name: "app", env: [{ valueFrom: { secretKeyRef: { name: "db", key: "password" } } }] }] };
beforeEach(async () => {
  token = await newSession();
  rig.upstream.upgrade = undefined;
  rig.upstream.answer = ({ url }, res) => {
    if (url.startsWith(SECRETS)) answerJson(res, 200, secret());
    else answerJson(res, 200, { kind: "Pod", metadata: { name: "web", uid: "u" }, spec });
  };
});

/** A session of its own, which knows nothing yet. */
async function newSession(): Promise<string> {
  const body = {
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token: await rig.token("agent"),
    subject_token_type: "urn:ietf:params:oauth:token-type:id_token",
  };
  return String((await send(rig, "POST", "/session", { body })).json?.access_token);
}

async function tunnel(path = EXEC, headers = V5): Promise<[TunnelClient, TunnelServer]> {
  const servers = switchProtocols(rig);
  const client = await dial(rig, `GET ${path}`, [`Authorization: Bearer ${token}`, ...headers]);
  expect(client.status).toBe(101);
  return [client, servers[0] as TunnelServer];
}

describe("the output of an exec", () => {
  test("shows none of the values of the Secrets that its pod consumes, however it is split into frames", async () => {
    const [client, server] = await tunnel();
    const sent: Buffer[] = [];
    const expected: Buffer[] = [];
    for (let at = 1; at < VALUE.length; at++) {
      const frames = (text: string): Buffer[] => [down(1, `is ${text.slice(0, at)}`), down(1, `${text.slice(at)} so`)];
      sent.push(...frames(VALUE));
      expected.push(...frames(STARS));
    }
    server.socket.write(Buffer.concat(sent));
    await until(() => client.received().equals(Buffer.concat(expected)));
  });

  test("is searched on each channel by itself, and what is typed goes up as it is", async () => {
    const [client, server] = await tunnel();
    const half = VALUE.length >> 1;
    server.socket.write(
      Buffer.concat([down(1, VALUE.slice(0, half)), down(2, VALUE), down(1, VALUE.slice(half)), down(2, "end")]),
    );
    const expected = [down(1, STARS.slice(0, half)), down(2, STARS), down(1, STARS.slice(half)), down(2, "end")];
    await until(() => client.received().equals(Buffer.concat(expected)));
    client.socket.write(up(0, VALUE));
    await until(() => server.received().equals(up(0, VALUE)));
  });

  test("comes soon where it ends as a value begins, and what completes the value then is still overwritten", async () => {
    const [client, server] = await tunnel();
    server.socket.write(down(1, VALUE.slice(0, 3)));
    await until(() => client.received().equals(down(1, VALUE.slice(0, 3))));
    server.socket.write(down(1, VALUE.slice(3)));
    await until(() => client.received().length === down(1, VALUE.slice(0, 3)).length + down(1, VALUE.slice(3)).length);
    expect(client.received().toString("latin1")).not.toContain(VALUE.slice(3));
  });

  test("is on record as its client saw it, with where the values come from", async () => {
    const [client, server] = await tunnel();
    server.socket.end(down(1, `${VALUE}\n`));
    await until(() => client.closed);
    client.socket.destroy();
    const id = client.headers["audit-id"];
    const outcome = await until(() =>
      spooled(rig).find((row) => row.exchange_id === id && row.kind === "request.outcome"),
    );
    const rows = spooled(rig).filter((row) => row.exchange_id === id);
    const [frame] = JSON.parse(rows.find(({ kind }) => kind === "stream.frame")?.payload ?? "{}").frames;
    expect(Buffer.from(frame.data, "base64").toString()).toBe(`${STARS}\n`);
    const closed = rows.find(({ kind }) => kind === "stream.closed");
    expect(closed?.masked_fields).toEqual(["shop/db:data.password"]);
    expect(JSON.parse(closed?.payload ?? "{}").redactions).toBe(1);
    expect(Object.keys(JSON.parse(outcome.payload).masked)).toEqual(["shop/db:data.password"]);
  });

  test("is not opened where a Secret of its pod cannot be read, and the upstream runs nothing", async () => {
    const { answer } = rig.upstream;
    const servers = switchProtocols(rig);
    // What was read a moment ago is remembered for a moment.
    const path = EXEC.replace("/shop/", "/attic/");
    rig.upstream.answer = (seen, res) => {
      if (seen.url.includes("/secrets/")) answerJson(res, 403, { kind: "Status", code: 403 });
      else answer(seen, res);
    };
    const client = await dial(rig, `GET ${path}`, [`Authorization: Bearer ${token}`, ...V5]);
    expect(client.status).toBe(403);
    expect(servers).toEqual([]);
  });
});
