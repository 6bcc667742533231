import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";

/** Ends at once when it is told to, so that deletions are quick. */
const SLEEP = "trap 'exit 0' TERM; while :; do sleep 0.2; done";

const container = (name: string, script: string): object => ({
  name,
  image: "registry.example.com/shell:1",
  command: ["sh", "-c", script],
  resources: { requests: { cpu: "10m" } },
});

const template = (app: string, script: string): object => ({
  metadata: { labels: { app } },
  spec: { terminationGracePeriodSeconds: 1, containers: [container("main", script)] },
});

const echo = {
  name: "web",
  image: "registry.example.com/echo:1",
  command: ["http-echo", "{port}", "hello"],
  ports: [{ containerPort: 8080 }],
};

/** What the commands are about, by file name; `{ns}` and `{port}` are a side's own. */
const FILES: Record<string, object[]> = {
  "world.yaml": [
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "web", labels: { app: "web" } },
      spec: {
        replicas: 1,
        selector: { matchLabels: { app: "web" } },
        template: template("web", `echo started; ${SLEEP}`),
      },
    },
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "shell", labels: { app: "shell" } },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [container("main", `echo one; echo two; echo three; ${SLEEP}`), container("side", SLEEP)],
      },
    },
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "echo", labels: { app: "echo" } },
      spec: { containers: [echo] },
    },
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings" }, data: { colour: "blue", size: "10" } },
    { apiVersion: "v1", kind: "Secret", metadata: { name: "creds" }, stringData: { password: "correct-horse" } },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "web" },
      spec: { type: "ExternalName", externalName: "web.example.com" },
    },
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "robot" } },
  ],
  "settings.yaml": [
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings" }, data: { colour: "green", size: "10" } },
  ],
  "applied.yaml": [
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "applied" }, data: { a: "1", b: "yes", c: "0o17" } },
  ],
  "invalid.yaml": [{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "Not_A_Name" }, data: {} }],
  "unknown.yaml": [{ apiVersion: "example.com/v1", kind: "Nothing", metadata: { name: "a" } }],
  "job.yaml": [
    {
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: { name: "count" },
      spec: {
        template: { spec: { restartPolicy: "Never", containers: [container("main", "echo 1; echo 2")] } },
      },
    },
  ],
};

/** Writes a side's copies of the manifests. */
export function writeManifests(folder: string, variables: Record<string, string>): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, objects] of Object.entries(FILES)) {
    const text = objects.map((object) => stringify(object)).join("---\n");
    writeFileSync(join(folder, name), fill(text, variables));
  }
  writeFileSync(join(folder, "greeting.txt"), "hello from here\n");
}

export function fill(text: string, variables: Record<string, string>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => variables[name] ?? whole);
}
