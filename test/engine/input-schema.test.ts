import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readCommands } from "../../dialogue/shell/read-commands.ts";
import { policyCommands } from "../../dialogue/shell/tool-commands.ts";
import { runOpa } from "../../engine/bundle/opa.ts";
import { inputJsonSchema, policyInputSchema } from "../../engine/input.ts";
import { clusterRoleBinding, folder, HOST_PATH_SPEC, input, opa, podCreation } from "./support.ts";

const FILE = new URL("../../engine/schemas/input.json", import.meta.url).pathname;

test("engine/schemas/input.json is the schema that the types are derived from", () => {
  expect(JSON.parse(readFileSync(FILE, "utf8"))).toEqual(JSON.parse(JSON.stringify(inputJsonSchema())));
});

test("what the data path asks is valid input", () => {
  for (const one of [input(), podCreation(HOST_PATH_SPEC), clusterRoleBinding()]) {
    expect(policyInputSchema.safeParse(one).error).toBeUndefined();
  }
});

test("what is asked about a model's tool call is valid input, but for the request that it has not", () => {
  const commands = policyCommands(
    readCommands("sudo kubectl --server=https://x delete pod web; curl https://y:6443 $z"),
    () => [
      {
        ...{ verb: "delete", group: "", version: "v1", resource: "pods", subresource: "", namespace: "a", name: "web" },
        ...{ labelSelector: "", fieldSelector: "", dryRun: false, unknown: ["namespace"] as const },
      },
    ],
  );
  expect(commands.map((one) => Object.keys(one).length)).toEqual([5, 5]);
  const { request: _, ...dialogue } = input({ tool: { name: "Bash", arguments: { command: "…" }, commands } });
  expect(policyInputSchema.omit({ request: true }).safeParse(dialogue).error).toBeUndefined();
});

test("opa's type checker refuses a field that input doesn't have", async () => {
  const sources = await folder({ "a.rego": 'package a\n\nx if input.request.verbs == "get"\n' });
  const result = await runOpa(opa, ["check", "--schema", FILE, sources]);
  expect(result.code).not.toBe(0);
  expect(result.stderr).toContain("undefined ref: input.request.verbs");
});
