import { type ConnectCell, labelledAs, type Row, urlOf, type Written } from "../cell.ts";
import { NODE, namespaced, objectOf, POD, SERVICE } from "../resources.ts";
import { CONTAINER, SIDE } from "../templates.ts";

const LOG = urlOf(POD, "web-0", "log");
const stream = (what: string, path: string): ConnectCell => ({ kind: "connect", by: "stream", what, path, ok: LOG });
const proxy = (what: string, path: string): ConnectCell => ({
  kind: "connect",
  by: "proxy",
  what,
  path,
  // The same request of something that has no such door.
  ok: urlOf(namespaced("v1", "ConfigMap", "configmaps"), "web", "proxy"),
});
const pod = (subresource: string, query = ""): string => `${urlOf(POD, "web-0", subresource)}${query}`;

export const exec: Row = {
  name: "Exec, attach, cp",
  effect: "hold",
  rule: /^access\/exec$/,
  cells: [
    stream("exec", pod("exec", "?command=id&container=main&stdout=true")),
    stream("exec of a shell", pod("exec", "?command=sh&stdin=true&stdout=true&tty=true")),
    stream("cp from a pod", pod("exec", "?command=tar&command=cf&command=-&command=/etc/app&stdout=true")),
    stream("cp to a pod", pod("exec", "?command=tar&command=-xmf&command=-&stdin=true&stdout=true")),
    stream("exec with dryRun, which runs it", pod("exec", "?command=id&stdout=true&dryRun=All")),
    stream("attach", pod("attach", "?container=main&stdout=true")),
    stream("attach with its input open", pod("attach", "?stdin=true&stdout=true&tty=true")),
  ],
};

export const portForward: Row = {
  name: "Port-forward, proxy",
  effect: "hold",
  rule: /^access\/(port-forward|proxy)$/,
  cells: [
    stream("port-forward", pod("portforward", "?ports=8080")),
    proxy("a proxy to a pod", pod("proxy")),
    proxy("a proxy to a path of a pod", `${urlOf(POD, "web-0:8080", "proxy")}/admin?x=1`),
    proxy("a proxy to a service", urlOf(SERVICE, "web", "proxy")),
    proxy("a proxy to a path of a service", `${urlOf(SERVICE, "https:web:443", "proxy")}/admin`),
  ],
};

const running = objectOf(POD, { spec: { containers: [CONTAINER] } }, "web-0");
const debugged = {
  ...running,
  spec: { containers: [CONTAINER], ephemeralContainers: [{ ...SIDE, name: "debugger-abcde" }] },
};

const made = (name: string, more: object): Written => {
  const object = objectOf(POD, { spec: { containers: [CONTAINER], ...more } }, name);
  return { of: POD, object, old: object };
};
const volume = (name: string): object => ({ volumes: [{ name, emptyDir: {} }] });

export const debug: Row = {
  name: "Debug",
  effect: "hold",
  rule: /^access\/(debug|debug-copy|node-debug)$/,
  cells: [
    {
      kind: "write",
      what: "a debug container",
      only: "update",
      bad: { of: POD, subresource: "ephemeralcontainers", object: debugged, old: running },
      ok: { of: POD, object: labelledAs(running), old: running },
    },
    {
      kind: "write",
      what: "a pod that debugs a node",
      only: "create",
      bad: made("node-debugger-node-1-abcde", { nodeName: "node-1" }),
      ok: made("node-debugger-node-1-abcde", {}),
    },
    {
      kind: "write",
      what: "debug --copy-to",
      only: "create",
      bad: made("copy", volume("kube-api-access-abcde")),
      ok: made("copy", volume("data")),
    },
  ],
};

export const nodesProxy: Row = {
  name: "nodes/proxy",
  effect: "deny",
  rule: /^nodes\/proxy$/,
  cells: [
    proxy("the kubelet's root", urlOf(NODE, "node-1", "proxy")),
    proxy("a command in any pod", `${urlOf(NODE, "node-1", "proxy")}/run/shop/web-0/main?cmd=id`),
    proxy(
      "exec over WebSocket in any pod",
      `${urlOf(NODE, "node-1", "proxy")}/exec/shop/web-0/main?command=id&output=1`,
    ),
    proxy("logs of the node", `${urlOf(NODE, "node-1", "proxy")}/logs/`),
    proxy("a port of the kubelet", `${urlOf(NODE, "node-1:10250", "proxy")}/pods`),
  ],
};
