import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseExitStatus } from "../../kubernetes/channels/exit.ts";
import { createTunnelParser } from "../../kubernetes/channels/tunnel-parser.ts";
import type { ChannelName, Direction, TunnelOptions } from "../../kubernetes/channels/types.ts";
import { parseAll, type Said, type Sent } from "./tunnel-script.ts";

interface Recorded extends Omit<TunnelOptions, "query"> {
  client: string;
  chunks: [Direction, string][];
}

/** Recorded behind TLS between kubectl and kube-apiserver 1.36.3; the pod's server answers `GET / hello`. */
const file = new URL("../fuzz/seeds/tunnels.json", import.meta.url);
const recorded = JSON.parse(readFileSync(file, "utf8")) as Recorded[];

const text = (said: readonly Said[], channel: ChannelName): string =>
  said.map((one) => (one.kind === "data" && one.channel === channel ? one.payload : "")).join("");

function read({ client: _client, chunks, ...options }: Recorded): Record<Direction, Said[]> {
  const sent = chunks.map(([direction, bytes]): Sent => ({ direction, bytes: Buffer.from(bytes, "base64") }));
  return parseAll(createTunnelParser({ ...options, query: {} }), sent);
}

const of = (command: string) => recorded.filter(({ client }) => client.endsWith(` ${command}`));

describe("what kubectl and the API server sent each other", () => {
  test("is of SPDY/3.1 up to kubectl 1.29, and of v5.channel.k8s.io and tunnelled SPDY from 1.31 on", () => {
    const protocols = (command: string) => of(command).map(({ client, subprotocol }) => `${client}: ${subprotocol}`);
    expect(protocols("exec")).toEqual([
      "kubectl 1.36 exec: v5.channel.k8s.io",
      "kubectl 1.27 exec: v4.channel.k8s.io",
      "kubectl 1.29 exec: v4.channel.k8s.io",
      "kubectl 1.31 exec: v5.channel.k8s.io",
      "kubectl 1.33 exec: v5.channel.k8s.io",
    ]);
    expect(protocols("port-forward")).toEqual([
      "kubectl 1.36 port-forward: SPDY/3.1+portforward.k8s.io",
      "kubectl 1.27 port-forward: portforward.k8s.io",
      "kubectl 1.29 port-forward: portforward.k8s.io",
      "kubectl 1.31 port-forward: SPDY/3.1+portforward.k8s.io",
      "kubectl 1.33 port-forward: SPDY/3.1+portforward.k8s.io",
    ]);
  });

  test.each(of("exec"))("$client: output, errors and the exit code", (session) => {
    const { down } = read(session);
    expect(text(down, "stdout")).toBe("out\n");
    expect(text(down, "stderr")).toBe("err\n");
    expect(parseExitStatus(text(down, "error"))).toMatchObject({ code: 3, reason: "NonZeroExitCode" });
  });

  test.each(of("exec -i"))("$client: input, its end, and the output", (session) => {
    const { up, down } = read(session);
    expect(text(up, "stdin")).toBe("hello\nworld\n");
    expect(up).toContainEqual(expect.objectContaining({ channel: "stdin", payload: "", fin: true }));
    expect(text(down, "stdout")).toBe("hello\nworld\n");
    expect(parseExitStatus(text(down, "error")).code).toBe(0);
  });

  test.each(of("exec -it"))("$client: the terminal's output", (session) => {
    expect(text(read(session).down, "stdout")).toBe("24 80\r\nhi\r\n");
  });

  test.each(of("port-forward"))("$client: two connections, with their port", (session) => {
    const { up, down } = read(session);
    const opened = up.filter((one) => one.kind === "opened").map(({ channel, requestId }) => [channel, requestId]);
    expect(opened).toEqual([
      ["error", 0],
      ["data", 0],
      ["error", 1],
      ["data", 1],
    ]);
    expect(text(up, "data")).toBe("GET / HTTP/1.0\r\n\r\n".repeat(2));
    expect(text(down, "data").match(/GET \/ hello\n/g)).toHaveLength(2);
  });
});
