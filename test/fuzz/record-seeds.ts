/**
 * Records what kubectl (the pinned one and the oldest found) and a client-go program (kube-controller-manager) ask of
 * a real API server: the seeds of the fuzz targets attributes, yaml and cbor. No header but the media types is kept.
 *
 *   node test/fuzz/record-seeds.ts
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { Agent, request } from "undici";
import { errorMessage } from "../../base/errors.ts";
import { parseLossless } from "../../base/lossless-json.ts";
import { startControlPlane } from "../../tools/control-plane/start.ts";
import { ensureTool } from "../../tools/ensure.ts";
import { findKubectls } from "../../tools/kubectls.ts";
import type { SeedRequest } from "./seeds.ts";

const REQUESTS = 400;
const OBJECTS = 80;
const OBJECT_BYTES = 6_000;

const MANIFEST = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      securityContext: {runAsNonRoot: true}
      containers:
      - name: web
        image: registry.example.com/web:1
        args: ["--listen", ":8080"]
        env: [{name: MODE, value: "yes"}, {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]
        ports: [{containerPort: 8080, name: http}]
        readinessProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 5}
        resources: {requests: {cpu: 100m, memory: 64Mi}}
        volumeMounts: [{name: settings, mountPath: /etc/web}]
      volumes: [{name: settings, configMap: {name: settings, optional: true}}]
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: "0 3 * * *"
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader}
rules: [{apiGroups: [""], resources: [pods, pods/log], verbs: [get, list, watch]}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {a.yaml: "on: yes\\nn: 010\\n", b: "\\u00e9 \\u2028"}
binaryData: {c: AAEC/w==}
---
apiVersion: v1
kind: Secret
metadata: {name: login}
stringData: {user: example}
`;

const COMMANDS = `
apply -f FILE
apply -f FILE --dry-run=server
apply --server-side --force-conflicts -f FILE
diff -f FILE
get pods,deployments,services -A
get deployment web -o yaml
get deployment/web -o json --show-managed-fields
get cm -l app=web,tier!=db -o name
get cm -l 'app in (web,api),!old' --chunk-size=2
get events --field-selector involvedObject.name=web,type!=Normal
get pods --field-selector=metadata.name=web -w --request-timeout=1s
get --raw /api/v1/namespaces/default/configmaps?limit=1&fieldSelector=metadata.name%3Dsettings
get --raw /apis/apps/v1/namespaces/default/deployments/web/scale
describe deployment web
scale deployment web --replicas=3
autoscale deployment web --max=4
set image deployment/web web=registry.example.com/web:2
set env deployment/web MODE=no
rollout restart deployment/web
rollout status deployment/web --timeout=1s
rollout undo deployment/web
patch deployment web -p {"spec":{"minReadySeconds":1}}
patch deployment web --type=merge -p {"metadata":{"annotations":{"a":null}}}
patch deployment web --type=json -p [{"op":"replace","path":"/spec/replicas","value":1}]
label deployment web tier=front --overwrite
annotate deployment web note=x\\"y
taint nodes none a=b:NoSchedule
expose deployment web --name=web2 --port=80
create configmap made --from-literal=a=b --dry-run=server -o yaml
create serviceaccount robot
create role writer --verb=create,delete --resource=pods,deployments.apps/scale
create rolebinding writer --role=writer --serviceaccount=default:robot
create token robot --duration=10m
create job once --from=cronjob/nightly
run one --image=registry.example.com/one:1 --restart=Never --command -- sh -c id
logs one --tail=5 --follow --timestamps
exec one -- sh -c id
attach one
port-forward pod/one 18080:80
debug one --image=registry.example.com/tool:1
cp one:/etc/hostname HOST
auth can-i create pods/exec --subresource=log
auth can-i --list
api-resources
api-versions
explain deployment.spec.template
version
cluster-info
top pods
wait --for=condition=Available deployment/web --timeout=1s
certificate approve none
cordon none
drain none --ignore-daemonsets
replace -f FILE
delete pod one --grace-period=0 --force --wait=false
delete cm -l app=none
delete deployment web --cascade=orphan --now
delete -f FILE --ignore-not-found --wait=false
`;

const requests = new Map<string, SeedRequest>();
const objects = new Map<string, unknown>();

function noteRequest(req: IncomingMessage): void {
  const { accept, "content-type": contentType } = req.headers;
  const seed: SeedRequest = {
    method: req.method ?? "GET",
    target: req.url ?? "/",
    ...(accept === undefined ? {} : { accept }),
    ...(contentType === undefined ? {} : { contentType }),
  };
  if (requests.size < REQUESTS && seed.target.length < 1000) requests.set(JSON.stringify(seed), seed);
}

function noteObject(body: Buffer): void {
  if (objects.size >= OBJECTS || body.length > OBJECT_BYTES || body[0] !== 0x7b) return;
  const value = parseLossless(body.toString("utf8")) as Record<string, unknown>;
  const { kind, apiVersion } = value;
  if (typeof kind !== "string" || typeof apiVersion !== "string" || /^API|Token|^Status$/.test(kind)) return;
  // Kinds that differ in what they hold, and few of each.
  objects.set(`${kind} ${Math.floor(body.length / 300)}`, value);
}

const plane = await startControlPlane();
const folder = mkdtempSync(join(tmpdir(), "sallyport-seeds-"));
const dispatcher = new Agent({ connect: { ca: readFileSync(plane.caFile, "utf8") } });
// Plain HTTP, over which clients send no credential: the recorder adds its own.
async function record(req: IncomingMessage, res: ServerResponse): Promise<void> {
  noteRequest(req);
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  if (body.length > 0) noteObject(body);
  const {
    host: _host,
    connection: _connection,
    upgrade: _upgrade,
    "accept-encoding": _coding,
    ...headers
  } = req.headers;
  const { "content-length": _length, "transfer-encoding": _transfer, ...sent } = headers;
  const answer = await request(`${plane.server}${req.url}`, {
    dispatcher,
    method: (req.method ?? "GET") as "GET",
    headers: { ...(sent as Record<string, string>), authorization: `Bearer ${plane.adminToken}` },
    ...(body.length > 0 ? { body } : {}),
  });
  res.writeHead(answer.statusCode, answer.headers);
  const parts: Buffer[] = [];
  answer.body.on("data", (chunk: Buffer) => parts.push(chunk));
  // A client that has seen enough of a watch leaves.
  await pipeline(answer.body, res).catch(() => res.destroy());
  if (answer.headers["content-type"] === "application/json") noteObject(Buffer.concat(parts));
}
const recorder = createServer((req, res) => {
  record(req, res).catch((error: unknown) => {
    process.stderr.write(`${req.method} ${req.url}: ${errorMessage(error)}\n`);
    res.destroy();
  });
});
recorder.on("upgrade", (req, socket) => {
  noteRequest(req);
  socket.end("HTTP/1.1 403 Forbidden\r\nconnection: close\r\n\r\n");
});
recorder.listen(0, "127.0.0.1");
await once(recorder, "listening");
const server = `http://127.0.0.1:${(recorder.address() as AddressInfo).port}`;

async function run(file: string, args: string[], seconds: number): Promise<void> {
  const child = spawn(file, args, { stdio: "ignore", env: { ...process.env, HOME: folder, KUBECONFIG: "" } });
  const timer = setTimeout(() => child.kill(), seconds * 1000);
  await once(child, "exit");
  clearTimeout(timer);
}

try {
  const manifest = join(folder, "all.yaml");
  writeFileSync(manifest, MANIFEST);
  const kubectls = await findKubectls();
  const chosen = new Set([await ensureTool("kubectl"), kubectls[0]?.path ?? (await ensureTool("kubectl"))]);
  for (const file of chosen) {
    for (const line of COMMANDS.trim().split("\n")) {
      const words = (line.match(/'[^']*'|\S+/g) ?? []).map((word) =>
        word.replaceAll("'", "").replace("FILE", manifest).replace("HOST", join(folder, "hostname")),
      );
      await run(file, ["--server", server, "--cache-dir", join(folder, "cache"), ...words], 8);
      process.stderr.write(`${requests.size} requests, ${objects.size} objects: ${line}\n`);
    }
  }
  const kubeconfig = join(folder, "manager.json");
  const cluster = { name: "c", cluster: { server } };
  const context = { name: "c", context: { cluster: "c", user: "" } };
  const config = { apiVersion: "v1", kind: "Config", clusters: [cluster], contexts: [context], "current-context": "c" };
  writeFileSync(kubeconfig, JSON.stringify(config));
  const manager = await ensureTool("kube-controller-manager");
  await run(manager, ["--kubeconfig", kubeconfig, "--leader-elect=false", "--secure-port=0"], 8);
  const lines = (list: unknown[]): string => `[\n${list.map((one) => JSON.stringify(one)).join(",\n")}\n]\n`;
  writeFileSync(new URL("./seeds/requests.json", import.meta.url), lines([...requests.values()]));
  writeFileSync(new URL("./seeds/objects.json", import.meta.url), lines([...objects.values()]));
} finally {
  recorder.closeAllConnections();
  recorder.close();
  await dispatcher.destroy();
  await plane.stop();
  rmSync(folder, { recursive: true, force: true });
}
