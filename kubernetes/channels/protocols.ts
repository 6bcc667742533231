import type { ChannelName, TunnelOptions } from "./types.ts";

const EXEC_CHANNELS: readonly ChannelName[] = ["stdin", "stdout", "stderr", "error", "resize"];
/** A channel is named by a byte, and a port has two. */
const PORT_LIMIT = 127;

/** What the bytes of a tunnel are. */
export type TunnelProtocol =
  | { readonly kind: "spdy" }
  | { readonly kind: "spdy-in-websocket" }
  | { readonly kind: "channels"; readonly names: readonly ChannelName[]; readonly closable: boolean };

/**
 * What the upstream and the client agreed on, or undefined where the gateway cannot read it, so that it must
 * neither be offered to the upstream nor accepted from it. As kubernetes 1.36 and cri-streaming have them:
 *
 * - SPDY exec and attach: `channel.k8s.io` (also ""), v2, v3, v4. Port-forward: `portforward.k8s.io`.
 * - WebSocket exec and attach: `v5.channel.k8s.io` (the API server itself), `v4.channel.k8s.io`, `channel.k8s.io`
 *   and "" (the kubelet).
 * - WebSocket port-forward: `SPDY/3.1+portforward.k8s.io` (the API server itself), `v4.channel.k8s.io` and "" with
 *   the ports in the query (the kubelet).
 *
 * The `base64.` variants are not read: nothing that runs today asks for them, and their payload cannot be
 * overwritten in place without decoding.
 */
export function tunnelProtocol({
  protocol,
  subprotocol,
  subresource,
  query,
}: TunnelOptions): TunnelProtocol | undefined {
  const forward = subresource === "portforward";
  if (protocol === "SPDY/3.1") {
    const known = forward
      ? ["portforward.k8s.io"]
      : ["", "channel.k8s.io", "v2.channel.k8s.io", "v3.channel.k8s.io", "v4.channel.k8s.io"];
    return known.includes(subprotocol) ? { kind: "spdy" } : undefined;
  }
  if (!forward) {
    const known = ["", "channel.k8s.io", "v4.channel.k8s.io", "v5.channel.k8s.io"].includes(subprotocol);
    return known
      ? { kind: "channels", names: EXEC_CHANNELS, closable: subprotocol === "v5.channel.k8s.io" }
      : undefined;
  }
  if (subprotocol === "SPDY/3.1+portforward.k8s.io") return { kind: "spdy-in-websocket" };
  if (subprotocol !== "" && subprotocol !== "v4.channel.k8s.io") return undefined;
  // PodPortForwardOptions: repeated, and each a list. Channel 2n carries port n's data, 2n + 1 its errors.
  const ports = (query.ports ?? []).flatMap((value) => value.split(","));
  if (ports.length === 0 || ports.length > PORT_LIMIT) return undefined;
  return { kind: "channels", names: ports.flatMap((): ChannelName[] => ["data", "error"]), closable: false };
}
