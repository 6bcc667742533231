import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { COMMAND_OPTIONS, GLOBAL_OPTIONS, OPTION_GROUPS } from "../../../dialogue/shell/kubectl/option-table.ts";
import type { CommandRequest } from "../../../dialogue/shell/types.ts";
import { resourcePath } from "../../../kubernetes/resources.ts";
import { ensureTool } from "../../../tools/ensure.ts";
import { REQUESTS } from "./requests.ts";
import { requestsOf } from "./shown-request.ts";
import { type StubApiServer, startStubApiServer } from "./stub-api-server.ts";

const ALL = process.env.SALLYPORT_TEST_ALL === "1";
let server: StubApiServer;
let folder: string;

beforeAll(async () => {
  server = await startStubApiServer();
  folder = await mkdtemp(join(tmpdir(), "sallyport-kubectl-"));
  await symlink(await ensureTool("kubectl"), join(folder, "kubectl"));
  const cluster = { name: "c", cluster: { server: server.url } };
  const context = { name: "c", context: { cluster: "c", namespace: "shop", user: "" } };
  const config = { apiVersion: "v1", kind: "Config", clusters: [cluster], contexts: [context], "current-context": "c" };
  await writeFile(join(folder, "config"), JSON.stringify(config));
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

/** Runs a text in bash with the real kubectl; what it prints. */
async function run(text: string): Promise<string> {
  const env = { PATH: folder, HOME: folder, KUBECONFIG: join(folder, "config") };
  const child = spawn("/bin/bash", ["-c", text], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
  const parts: Buffer[] = [];
  child.stdout.on("data", (part: Buffer) => parts.push(part));
  child.stderr.on("data", (part: Buffer) => parts.push(part));
  const late = setTimeout(() => child.kill("SIGKILL"), 15_000);
  await new Promise((resolve) => child.once("close", resolve));
  clearTimeout(late);
  return Buffer.concat(parts).toString();
}

const METHODS: Record<string, string> = { create: "POST", update: "PUT", patch: "PATCH", delete: "DELETE" };
const CONNECTS = /\/(exec|attach|portforward)$/;

function line(one: CommandRequest): string {
  if (one.path !== undefined) return `${one.verb.toUpperCase()} ${one.path}`;
  const { verb, group = "", version, resource, subresource, unknown } = one;
  // The stub's lists hold one object of this name, in the namespace that was asked, else in shop.
  const name = unknown.includes("name") ? "picked" : one.name;
  const isNamespace = group === "" && resource === "namespaces";
  const picked =
    unknown.includes("name") && one.namespace === "" && !["nodes"].includes(resource) ? "shop" : one.namespace;
  const namespace = isNamespace ? "" : picked;
  const type = { group, version, resource, kind: "", namespaced: namespace !== "" };
  return `${METHODS[verb] ?? "GET"} ${resourcePath(type, namespace, name, subresource)}`;
}

/** Rows whose requests kubectl makes of this stub: no files, no metrics, nothing that waits for somebody. */
const ROWS = Object.entries(REQUESTS)
  .filter(([title]) => title !== "helm" && !title.startsWith("nothing"))
  .flatMap(([, rows]) => rows.map(([text]) => text))
  .filter(
    (text) =>
      /^kubectl [a-z-]/.test(text) &&
      !/x\.yaml|x\.json|\bdir\b|-file|--cert|--raw|-f x|workflows|argoproj|^kubectl (proxy|edit|wait|top|cp|debug|completion|run -it)|watch| -w$|not yaml|"kind":"ConfigMap"\}'|--help|--weird|frobnicate|rollout (status|undo)|uncordon|kubectl diff|exec web$/.test(
        text,
      ),
  )
  // What is applied is not there yet.
  .map((text) => text.replaceAll('"name":"a"', text.includes("apply -f") ? '"name":"new-a"' : '"name":"a"'));

describe("kubectl itself asks for what is said of its commands, and changes nothing else", () => {
  test.each(ROWS.filter((_, i) => ALL || i % 20 === 0))("%s", async (text) => {
    server.reset();
    const validated = /kubectl (apply|create|replace) /.test(text) && /-f -/.test(text);
    const printed = await run(validated ? text.replace(/kubectl (\w+)/, "kubectl $1 --validate=false") : text);
    const said = requestsOf(text).map(line);
    const asked = [...new Set(server.asked)];
    for (const one of said) expect(asked, printed).toContain(one);
    const changes = asked.filter((one) => !one.startsWith("GET ") && !CONNECTS.test(one));
    expect(said, printed).toEqual(expect.arrayContaining(changes));
  });
});

describe("the table of options is kubectl's own", () => {
  const options = (text: string): string[] =>
    text
      .replace(/@\w+/g, (group) => OPTION_GROUPS[group] ?? "")
      .split(/\s+/)
      .filter((entry) => entry !== "")
      .map((entry) => entry.replace("~", ""))
      .sort();
  const listed = (help: string): string[] =>
    [...help.matchAll(/^ {4}(?:-(\w), )?--([\w-]+)=(.*):$/gm)]
      .map(
        ([, letter, name, value]) =>
          `${letter === undefined ? "" : `${letter},`}${name}${/^(true|false)$/.test(value ?? "") ? "?" : ""}`,
      )
      .sort();
  const commands = Object.keys(COMMAND_OPTIONS).filter((_, i) => ALL || i % 20 === 0);

  test("of all commands", async () => {
    expect(listed(await run("kubectl options"))).toEqual(options(GLOBAL_OPTIONS));
  });

  test.each(commands)("of %s", async (command) => {
    const help = (await run(`kubectl ${command} --help`)).replace(/^.*?^Options:/ms, "");
    expect(listed(help)).toEqual(options(COMMAND_OPTIONS[command] ?? ""));
  });

  test("and nothing is left of a file that a command wrote", async () => {
    await expect(readFile(join(folder, "passwd"))).rejects.toThrow("ENOENT");
  });
});
