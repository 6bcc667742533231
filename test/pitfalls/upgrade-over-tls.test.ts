import { readFileSync } from "node:fs";
import { connect } from "node:tls";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { kube, until } from "../gateway/client.ts";
import { head } from "../gateway/raw.ts";
import { type Rig, startRig } from "../gateway/rig.ts";
import { dial, down, EXEC, switchProtocols, up, V5, withPods } from "../gateway/tunnel-client.ts";

let rig: Rig;
let token: string;
beforeAll(async () => {
  rig = await startRig({ guardrails: { profiles: ["observe"] } });
  token = await rig.token("agent");
});
afterAll(() => rig.close());
beforeEach(() => {
  rig.upstream.seen.splice(0);
  rig.upstream.answer = withPods((_seen, res) => void res.end("{}"));
});

const PODS = "/api/v1/namespaces/shop/pods";
const bearer = (): string => `Authorization: Bearer ${token}`;

/** The bytes that come back over a TLS connection which offered these protocols, and what it chose. */
function talk(offered: string[] | undefined, bytes: string): Promise<{ chosen: string | false | null; text: string }> {
  return new Promise((resolve) => {
    const ca = readFileSync(rig.caFile);
    const options = { host: "127.0.0.1", port: rig.gateway.port, ca, servername: "localhost" };
    const socket = connect(offered === undefined ? options : { ...options, ALPNProtocols: offered });
    let text = "";
    const finish = (): void => {
      resolve({ chosen: socket.alpnProtocol, text });
      socket.destroy();
    };
    socket.on("secureConnect", () => socket.write(bytes));
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
      if (text.includes("\r\n\r\n")) finish();
    });
    socket.on("error", () => {});
    socket.on("close", finish);
  });
}

describe("node 60336: upgrades on a listener that speaks HTTP/2 too", () => {
  test.each<[title: string, offered: string[] | undefined]>([
    ["no protocol", undefined],
    ["HTTP/1.1", ["http/1.1"]],
  ])("node 60336: an upgrade of a client that offered %s switches", async (_title, offered) => {
    switchProtocols(rig);
    const { text } = await talk(offered, head(`GET ${EXEC}`, [bearer(), ...V5]));
    expect(text).toMatch(/^HTTP\/1\.1 101 /);
  });

  test("node 60336: an upgrade in HTTP/1.1's words on an HTTP/2 connection ends that connection, and nothing else", async () => {
    switchProtocols(rig);
    const { chosen, text } = await talk(["h2", "http/1.1"], head(`GET ${EXEC}`, [bearer(), ...V5]));
    expect(chosen).toBe("h2");
    expect(text).not.toContain("101 Switching");
    expect(rig.upstream.seen).toEqual([]);
    expect((await kube(rig, "GET", PODS, { token })).status).toBe(200);
  });
});

describe("undici CVE-2026-1528: frames that no parser expects", () => {
  test.each<[title: string, frame: number[]]>([
    ["a length beyond 2^63", [0x82, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
    ["a length that wraps round", [0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 1]],
    ["a compressed frame that nobody agreed to", [0xc2, 3, 1, 2, 3]],
    ["a ping of 64 KiB", [0x89, 126, 0xff, 0xff]],
  ])("undici CVE-2026-1528: %s from upstream ends its tunnel, and the process goes on", async (_title, frame) => {
    const servers = switchProtocols(rig);
    const client = await dial(rig, `GET ${EXEC}`, [bearer(), ...V5], up(0, "typed"));
    expect(client.status).toBe(101);
    servers[0]?.socket.write(Buffer.concat([down(1, "before"), Buffer.from(frame)]));
    await until(() => client.closed);
    expect(client.received().includes(Buffer.from(frame))).toBe(false);
    expect((await kube(rig, "GET", PODS, { token })).status).toBe(200);
  });
});
