import { describe, expect, test } from "vitest";
import type { Dialect, ToolCall } from "../../dialogue/types.ts";
import { WIRES } from "../../proxy/model/dialects.ts";
import { Dialogues, ownWords } from "../../proxy/model/dialogues.ts";
import type { LinkedRequest } from "../../proxy/model/link.ts";
import { commandsOf } from "../../proxy/model/tool-commands.ts";

const call = (name: string, args: Record<string, unknown>, id = "t"): ToolCall => ({
  ...{ id, name, index: 0 },
  ...{ arguments: args, text: JSON.stringify(args) },
});
const bash = (command: string): ToolCall => call("Bash", { command });

/** What asks for: `verb resource[.group][/sub] namespace/name`, or a path; of a create the name is the one in its body. */
function request(text: string, more: Partial<LinkedRequest> = {}): LinkedRequest {
  const [verb = "", what = "", object = "/"] = text.split(" ");
  const rest = { connection: "prod", labelSelector: "", fieldSelector: "", dryRun: false, ...more };
  if (what.startsWith("/")) {
    return { verb, group: "", resource: "", subResource: "", namespace: "", name: "", nonResource: true, ...rest };
  }
  const [full = "", subResource = ""] = what.split("/");
  const [resource = "", ...group] = full.split(".");
  const [namespace = "", last = ""] = object.split("/");
  const creates = verb === "create" && subResource === "";
  const name = creates ? "" : last;
  const made = creates ? { made: last } : {};
  const exec = subResource === "exec" ? { exec: { command: ["ls"], container: "", stdin: false, tty: false } } : {};
  return {
    verb,
    group: group.join("."),
    resource,
    subResource,
    namespace,
    name,
    nonResource: false,
    ...made,
    ...exec,
    ...rest,
  };
}

/** How a request is linked where these calls are open; each is named by its place. */
function link(calls: readonly ToolCall[], asks: string | LinkedRequest, claims: Record<string, string> = {}): unknown {
  const dialogues = new Dialogues(() => 0);
  for (const [i, one] of calls.entries()) {
    const { expects, reach, kubectl, background } = commandsOf(one);
    const ids = { toolUseId: String(i + 1), promptId: "p", name: one.name, model: "claude-x", releasedAt: 0 };
    dialogues.released("s", { ...ids, expects, reach, kubectl, background });
  }
  const found = dialogues.link("s", typeof asks === "string" ? request(asks) : asks, () => claims);
  const { strength, toolUseId, candidates } = found ?? {};
  return candidates === undefined
    ? `${strength} ${toolUseId}`.trim()
    : `${strength} ${toolUseId} of ${candidates.join(",")}`.replace("  ", " ");
}

describe("which call a request comes of", () => {
  test.for<[string, string[], string, string]>([
    // What kubectl looks up on the way is the command's own.
    [
      "apply gets",
      ["kubectl apply -n a -f - <<E\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\nE"],
      "get configmaps a/c",
      "exact 1",
    ],
    [
      "apply patches",
      ["kubectl apply -n a -f - <<E\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\nE"],
      "patch configmaps a/c",
      "exact 1",
    ],
    [
      "apply creates",
      ["kubectl apply -n a -f - <<E\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\nE"],
      "create configmaps a/c",
      "exact 1",
    ],
    ["a file says what", ["kubectl apply -n a -f x.yaml", "kubectl get pods -n a"], "patch configmaps a/c", "window 1"],
    ["delete waits", ["kubectl delete pod x -n a"], "watch pods a/x", "exact 1"],
    ["exec by WebSocket", ["kubectl exec -n a x -- ls"], "get pods/exec a/x", "exact 1"],
    ["exec by SPDY", ["kubectl exec -n a x -- ls"], "create pods/exec a/x", "exact 1"],
    ["logs of a deployment", ["kubectl logs -n a deploy/web"], "get deployments.apps a/web", "exact 1"],
    ["describe lists events", ["kubectl describe pod x -n a"], "list events a/", "exact 1"],
    ["the namespace is not said", ["kubectl delete pod x"], "delete pods b/x", "window 1"],
    [
      "its namespace is not said, and nobody else's object is",
      ["kubectl delete pod x", "kubectl get pods -n a"],
      "delete pods b/x",
      "window 1",
    ],
    ["scale", ["kubectl scale deploy web --replicas=0 -n a"], "patch deployments.apps/scale a/web", "exact 1"],
    // Told apart, and not.
    ["by name", ["kubectl delete pod x -n a", "kubectl delete pod y -n a"], "watch pods a/y", "exact 2"],
    ["the same twice", ["kubectl get pods -n a", "kubectl get pods -n a -o wide"], "list pods a/", "none of 1,2"],
    ["discovery of two", ["kubectl get pods -n a", "kubectl get nodes"], "get /apis", "none of 1,2"],
    ["discovery beside ls", ["kubectl get pods -n a | grep x", "ls -la | wc -l"], "get /apis", "window 1"],
    [
      "what nobody says, of one that cannot be read",
      ["kubectl get pods -n a", 'sh -c "$x"'],
      "delete pods a/x",
      "window 2",
    ],
    ["what nobody says, of a script", ["kubectl get pods -n a", "make deploy"], "delete pods a/x", "window 2"],
    ["what nobody says, of one alone", ["kubectl get pods -n a"], "delete pods a/x", "window 1"],
    ["no shell at all", ["cat x"], "delete pods a/x", "none"],
  ])("%s", ([, commands, asks, expected]) => {
    expect(link(commands.map(bash), asks)).toBe(expected);
  });

  const exec = (command: string[], container = "web") => ({ exec: { command, container, stdin: false, tty: false } });
  test.for<[string, string, LinkedRequest, string]>([
    // What a text says that it would only try is not said to be done, and no more the other way round.
    ["tried", "kubectl -n a delete deploy web --dry-run=server", request("delete deployments.apps a/web"), "window 1"],
    [
      "tried, and tried",
      "kubectl -n a delete deploy web --dry-run=server",
      request("delete deployments.apps a/web", { dryRun: true }),
      "exact 1",
    ],
    [
      "done, and tried",
      "kubectl -n a delete deploy web",
      request("delete deployments.apps a/web", { dryRun: true }),
      "window 1",
    ],
    [
      "options that are not read yet",
      "kubectl -n a delete deploy web",
      request("delete deployments.apps a/web", { dryRun: undefined }),
      "window 1",
    ],
    [
      "ahead of its options",
      "kubectl -n a delete deploy web",
      request("delete deployments.apps a/web", { dryRun: undefined, ahead: true }),
      "exact 1",
    ],
    [
      "a diff is tried",
      "kubectl diff -n a -f - <<E\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\nE",
      request("patch configmaps a/c"),
      "window 1",
    ],
    // A program in a container.
    [
      "the command",
      "kubectl -n a exec x -c web -- ls /",
      request("create pods/exec a/x", exec(["ls", "/"])),
      "exact 1",
    ],
    [
      "another command",
      "kubectl -n a exec x -- ls",
      request("create pods/exec a/x", exec(["sh", "-c", "id"])),
      "window 1",
    ],
    ["more words", "kubectl -n a exec x -- ls", request("get pods/exec a/x", exec(["ls", "/"])), "window 1"],
    [
      "another container",
      "kubectl -n a exec x -c web -- ls",
      request("get pods/exec a/x", exec(["ls"], "db")),
      "window 1",
    ],
    [
      "a container that kubectl picks",
      "kubectl -n a exec x -- ls",
      request("get pods/exec a/x", exec(["ls"])),
      "exact 1",
    ],
    [
      "a pod that kubectl picks",
      "kubectl -n a exec deploy/web -- ls",
      request("get pods/exec a/x", exec(["ls"])),
      "window 1",
    ],
    // A name in the body.
    [
      "made",
      "kubectl create clusterrolebinding v --clusterrole=view --user=a",
      request("create clusterrolebindings.rbac.authorization.k8s.io /v"),
      "exact 1",
    ],
    [
      "made by another name",
      "kubectl create clusterrolebinding v --clusterrole=view --user=a",
      request("create clusterrolebindings.rbac.authorization.k8s.io /w"),
      "window 1",
    ],
    ["a body that is not read", "kubectl create ns v", request("create namespaces", { made: undefined }), "window 1"],
    [
      "ahead of a body",
      "kubectl create ns v",
      request("create namespaces", { made: undefined, ahead: true }),
      "exact 1",
    ],
    // What is picked by labels.
    ["picked", "kubectl -n a delete pods -l app=gone", request("delete pods a/db-0"), "window 1"],
    [
      "looked for",
      "kubectl -n a delete pods -l app=gone",
      request("list pods a/", { labelSelector: "app=gone" }),
      "exact 1",
    ],
    [
      "looked for, and less",
      "kubectl -n a get secrets -l app=x",
      request("list secrets a/", { labelSelector: "app=x,b" }),
      "exact 1",
    ],
    ["looked for, and more", "kubectl -n a get secrets -l app=x", request("list secrets a/"), "window 1"],
    [
      "a set, and another",
      "kubectl -n a get secrets -l 'x in (a,b)'",
      request("list secrets a/", { labelSelector: "x in (a,c),y in (d,b)" }),
      "window 1",
    ],
    ["by fields", "kubectl -n a get pods --field-selector=spec.nodeName=n", request("list pods a/"), "window 1"],
    ["a collection", "kubectl -n a delete pods --all", request("deletecollection pods a/"), "window 1"],
    ["one of a list", "kubectl -n a get secrets", request("get secrets a/key"), "window 1"],
    // Another cluster.
    ["a server", "kubectl --server=https://10.0.0.1 -n a delete pod x", request("delete pods a/x"), "window 1"],
    ["a context", "kubectl --context=kind-sandbox -n a delete pod x", request("delete pods a/x"), "window 1"],
    [
      "the connection's context",
      "kubectl --context=sallyport-prod -n a delete pod x",
      request("delete pods a/x"),
      "exact 1",
    ],
    [
      "another connection's",
      "kubectl --context=sallyport-test -n a delete pod x",
      request("delete pods a/x"),
      "window 1",
    ],
    [
      "a context before",
      "kubectl config use-context kind && kubectl -n a delete pod x",
      request("delete pods a/x"),
      "window 1",
    ],
    ["a variable", "KUBECONFIG=/x kubectl -n a delete pod x", request("delete pods a/x"), "window 1"],
    ["a variable before", "export KUBECONFIG=/x; kubectl -n a delete pod x", request("delete pods a/x"), "window 1"],
    [
      "helm's",
      "helm --kube-context other -n a uninstall r",
      request("list secrets a/", { labelSelector: "name=r,owner=helm" }),
      "window 1",
    ],
    [
      "helm here",
      "helm -n a uninstall r",
      request("list secrets a/", { labelSelector: "name=r,owner=helm,status=deployed" }),
      "exact 1",
    ],
    // The object is the same, and what becomes of it is policy's to judge.
    ["another patch", "kubectl -n a annotate deploy web note=x", request("patch deployments.apps a/web"), "exact 1"],
  ])("exact is what a text says, to the object and the words that run: %s", ([, command, asks, expected]) => {
    expect(link([bash(command)], asks)).toBe(expected);
  });

  test("a tool of an MCP server may ask anything; one that edits a file, or asks another agent, asks nothing", () => {
    const still = [call("Edit", { file_path: "/a" }), call("Task", { prompt: "x" }), call("Read", { file_path: "/a" })];
    expect(link([...still, call("mcp__k8s__pods_delete", { name: "x" })], "delete pods a/x")).toBe("window 4");
    expect(link(still, "delete pods a/x")).toBe("none");
  });

  test("a claim picks among calls that may have made it, and nothing else", () => {
    const two = [bash("kubectl get pods -n a"), bash("kubectl -n a describe pods")];
    const claims = { "kubectl-command": "kubectl describe" };
    expect(link(two, "list pods a/", claims)).toBe("claimed 2 of 1,2");
    expect(link(two, "list pods a/", { "kubectl-command": "kubectl delete" })).toBe("none of 1,2");
    expect(link([bash("kubectl delete pod x -n a"), ...two], "delete pods a/x", claims)).toBe("exact 1");
  });

  test("kubectl's other requests of an invocation that was told apart are claimed to be of the same call", () => {
    const dialogues = new Dialogues(() => 0);
    for (const [i, command] of ["kubectl get pods -n a", "kubectl get nodes"].entries()) {
      const { expects, reach, kubectl } = commandsOf(bash(command));
      dialogues.released("s", {
        toolUseId: `t${i}`,
        promptId: `p${i}`,
        name: "Bash",
        model: "claude-x",
        releasedAt: 0,
        expects,
        reach,
        kubectl,
      });
    }
    const ask = (text: string, session: string) =>
      dialogues.link("s", request(text), () => ({ "kubectl-session": session }));
    expect(ask("get /apis", "one")).toMatchObject({ strength: "none", promptId: "", toolUseId: "" });
    expect(ask("list pods a/", "one")).toMatchObject({ strength: "exact", toolUseId: "t0" });
    expect(ask("get /apis", "one")).toMatchObject({ strength: "claimed", toolUseId: "t0", promptId: "p0" });
    expect(ask("get /apis", "other")).toMatchObject({ strength: "none" });
  });

  test("a call that never came back stops being one that a request may come of; one in the background stays", () => {
    let now = 0;
    const dialogues = new Dialogues(() => now);
    for (const [id, command] of [
      ["t1", "kubectl get pods -n a"],
      ["t2", "kubectl get pods -n a -w &"],
    ] as const) {
      const { expects, reach, kubectl, background } = commandsOf(bash(command));
      const about = {
        promptId: "p",
        name: "Bash",
        model: "claude-x",
        releasedAt: 0,
        expects,
        reach,
        kubectl,
        background,
      };
      dialogues.released("s", { toolUseId: id, ...about });
    }
    const ask = () => dialogues.link("s", request("list pods a/"), () => ({}));
    expect(ask()).toMatchObject({ strength: "none", candidates: ["t1", "t2"] });
    dialogues.returned("s", "t2");
    expect(ask()).toMatchObject({ strength: "exact", toolUseId: "t1" });
    now = 3_600_001;
    expect(ask()).toMatchObject({ strength: "exact", toolUseId: "t2" });
  });

  test("more calls than are remembered forget the oldest, and a session that ended is forgotten", () => {
    const dialogues = new Dialogues(() => 0);
    for (let i = 0; i < 5_000; i++) {
      dialogues.released("s", {
        toolUseId: `t${i}`,
        promptId: "p",
        name: "Bash",
        model: "claude-x",
        releasedAt: 0,
        expects: [],
      });
    }
    expect(dialogues.returned("s", "t0")).toBeUndefined();
    expect(dialogues.link("s", request("get pods a/x"), () => ({}))?.candidates).toHaveLength(20);
    dialogues.forget("s");
    expect(dialogues.link("s", request("get pods a/x"), () => ({}))).toBeUndefined();
  });
});

describe("which prompt a request to the model is of", () => {
  /** A conversation's requests: a person's words, the results of one call, and the person's words again. */
  const BODIES: Record<Dialect, object[]> = {
    "anthropic.messages": [
      { model: "m", max_tokens: 9, messages: [{ role: "user", content: "go" }] },
      {
        ...{ model: "m", max_tokens: 9 },
        messages: [
          { role: "user", content: "go" },
          { role: "assistant", content: [{ type: "tool_use", id: "t1", name: "Bash", input: {} }] },
          { role: "user", content: [{ type: "tool_result", tool_use_id: "t1", content: "done" }] },
        ],
      },
      {
        ...{ model: "m", max_tokens: 9 },
        messages: [
          { role: "user", content: "go" },
          { role: "assistant", content: [{ type: "tool_use", id: "t1", name: "Bash", input: {} }] },
          { role: "user", content: [{ type: "tool_result", tool_use_id: "t1", content: "done" }] },
          { role: "assistant", content: "all done" },
          { role: "user", content: "go" },
        ],
      },
    ],
    "openai.chat": [
      { model: "m", messages: [{ role: "user", content: "go" }] },
      {
        model: "m",
        messages: [
          { role: "user", content: "go" },
          {
            role: "assistant",
            tool_calls: [{ id: "t1", type: "function", function: { name: "bash", arguments: "{}" } }],
          },
          { role: "tool", tool_call_id: "t1", content: "done" },
        ],
      },
      {
        model: "m",
        messages: [
          { role: "user", content: "go" },
          {
            role: "assistant",
            tool_calls: [{ id: "t1", type: "function", function: { name: "bash", arguments: "{}" } }],
          },
          { role: "tool", tool_call_id: "t1", content: "done" },
          { role: "assistant", content: "all done" },
          { role: "user", content: "go" },
        ],
      },
    ],
    "openai.responses": [
      { model: "m", input: "go" },
      {
        model: "m",
        input: [
          { role: "user", content: "go" },
          { type: "function_call", call_id: "t1", name: "bash", arguments: "{}" },
          { type: "function_call_output", call_id: "t1", output: "done" },
        ],
      },
      {
        model: "m",
        input: [
          { role: "user", content: "go" },
          { type: "function_call", call_id: "t1", name: "bash", arguments: "{}" },
          { type: "function_call_output", call_id: "t1", output: "done" },
          { role: "assistant", content: "all done" },
          { role: "user", content: "go" },
        ],
      },
    ],
  };

  test.for(Object.entries(BODIES) as [Dialect, object[]][])(
    "%s: results go on with their prompt, and the same words said again are a new one",
    ([dialect, bodies]) => {
      const dialogues = new Dialogues();
      const turns = bodies.map((body, i) => {
        const bytes = Buffer.from(JSON.stringify(body));
        const asked = WIRES[dialect].readRequest(bytes);
        const turn = dialogues.turnOf("s", { ...asked, bytes: bytes.length }, `p${i}`);
        dialogues.said("s", { ...asked, bytes: bytes.length }, turn);
        for (const { id } of asked.toolResults) dialogues.returned("s", id);
        dialogues.answered("s", turn.promptId);
        if (i === 0) {
          dialogues.released("s", {
            toolUseId: "t1",
            promptId: turn.promptId,
            name: "bash",
            model: "claude-x",
            releasedAt: 0,
            expects: [],
          });
        }
        return turn;
      });
      expect(turns).toEqual([{ promptId: "p0" }, { promptId: "p0", continues: "results" }, { promptId: "p2" }]);
    },
  );

  test("new words in the place of an old result are a prompt of their own, and the old result once more is none", () => {
    const dialogues = new Dialogues(() => 0);
    const about = { name: "Bash", model: "claude-x", releasedAt: 0, expects: [] };
    const ask = (prompt: string, results: Record<string, string>, fresh: string) => {
      const toolResults = Object.entries(results).map(([id, text]) => ({ id, text, isError: false }));
      const asked = { prompt, toolResults, bytes: 100 };
      const turn = dialogues.turnOf("s", asked, fresh);
      const isNew = toolResults.map((one) => dialogues.isNew("s", one));
      for (const { id } of toolResults) dialogues.returned("s", id);
      dialogues.said("s", asked, turn);
      return [turn.promptId, turn.continues, ...isNew];
    };
    expect(ask("list the pods", {}, "p1")).toEqual(["p1", undefined]);
    dialogues.released("s", { ...about, toolUseId: "t1", promptId: "p1" });
    expect(ask("", { t1: "pods" }, "p2")).toEqual(["p1", "results", true]);
    // Of as many bytes, and before there was a whole reply.
    expect(ask("", { t1: "evil" }, "p3")).toEqual(["p3", undefined, true]);
    dialogues.answered("s", "p1");
    dialogues.answered("s", "p3");
    expect(ask("", { t1: "evil" }, "p4")).toEqual(["p3", "results", false]);
    expect(ask("", { t1: "more", t2: "of no call" }, "p5")).toEqual(["p5", undefined, true, true]);
    dialogues.released("s", { ...about, toolUseId: "t3", promptId: "p5" });
    expect(ask("", { t3: "done", t1: "again" }, "p6")).toEqual(["p5", "results", true, true]);
  });

  test("what was refused was never said: the same after it is new, and a retry only once it went out", () => {
    const dialogues = new Dialogues();
    const asked = { prompt: "go", toolResults: [], bytes: 9 };
    dialogues.turnOf("s", asked, "refused");
    const turn = dialogues.turnOf("s", asked, "p1");
    expect(turn).toEqual({ promptId: "p1" });
    dialogues.said("s", asked, turn);
    expect(dialogues.turnOf("s", asked, "p2")).toEqual({ promptId: "p1", continues: "retry" });
  });

  test("a client's reminders are nobody's words, however many there are and however broken", () => {
    const reminder = "<system-reminder>be brief</system-reminder>";
    expect(ownWords(`${reminder}\n\n${reminder}`)).toBe("");
    expect(ownWords(`${reminder} go ${reminder} on`)).toBe("go  on");
    expect(ownWords("<system-reminder>go")).toBe("<system-reminder>go");
    const many = "<system-reminder>".repeat(60_000);
    expect(ownWords(many)).toBe(many);
  });
});

test("calls that have no id are each a call, and no request is said to come of one of them for sure", () => {
  const dialogues = new Dialogues(() => 0);
  const ids = { promptId: "p", name: "Bash", model: "claude-x", releasedAt: 0, expects: [] };
  const linked = () => dialogues.link("s", request("get pods a/b"), () => ({}));
  dialogues.released("s", { ...ids, toolUseId: "" });
  dialogues.released("s", { ...ids, toolUseId: "" });
  expect(linked()).toMatchObject({ strength: "none", promptId: "p", toolUseId: "", candidates: [] });
  dialogues.released("s", { ...ids, toolUseId: "t1" });
  expect(linked()).toMatchObject({ strength: "none", toolUseId: "", candidates: ["t1"] });
  expect(
    dialogues.turnOf("s", { prompt: "", toolResults: [{ id: "", text: "", isError: false }], bytes: 1 }, "q"),
  ).toEqual({ promptId: "q" });
});

test("calls that have no id are over once as many results without one came back, and no sooner", () => {
  const dialogues = new Dialogues(() => 0);
  const ids = { promptId: "p", name: "Bash", model: "claude-x", releasedAt: 0, expects: [], toolUseId: "" };
  const linked = () => dialogues.link("s", request("get pods a/b"), () => ({}))?.promptId;
  dialogues.released("s", ids);
  dialogues.released("s", ids);
  expect(dialogues.returned("s", "", 1)).toBeUndefined();
  expect(linked()).toBe("p");
  expect(dialogues.returned("s", "", 2)).toMatchObject({ promptId: "p" });
  expect(linked()).toBe("");
  expect(dialogues.returned("s", "", 2)).toBeUndefined();
});

test.for<[string, ToolCall, object[]]>([
  ["Write", call("Write", { file_path: "/a.ts", content: "" }), [{ path: "/a.ts", change: "write" }]],
  ["MultiEdit", call("MultiEdit", { file_path: "/a.ts", edits: [] }), [{ path: "/a.ts", change: "edit" }]],
  ["NotebookEdit", call("NotebookEdit", { notebook_path: "/a.ipynb" }), [{ path: "/a.ipynb", change: "edit" }]],
  ["Read", call("Read", { file_path: "/a.ts" }), []],
  [
    "the editor tool",
    call("str_replace_based_edit_tool", { command: "create", path: "/a" }),
    [{ path: "/a", change: "write" }],
  ],
  ["the editor tool that looks", call("str_replace_based_edit_tool", { command: "view", path: "/a" }), []],
  ["a name of the prototype", call("str_replace_based_edit_tool", { command: "constructor", path: "/a" }), []],
  ["an MCP server's", call("mcp__fs__write_file", { path: "/a" }), [{ path: "/a", change: "write" }]],
  [
    "a redirection",
    bash("kubectl get pods > out.txt 2>/dev/null; echo x >> log"),
    [
      { path: "out.txt", change: "write" },
      { path: "log", change: "edit" },
    ],
  ],
  ["what only the shell knows", bash('echo x > "$file"'), []],
  [
    "a patch",
    call("apply_patch", { input: "*** Begin Patch\n*** Update File: a\n*** Add File: b\n*** End Patch" }),
    [
      { path: "a", change: "edit" },
      { path: "b", change: "write" },
    ],
  ],
  ["no text where a path belongs", call("Write", { file_path: { a: 1 } }), []],
])("the files that a tool call names: %s", ([, one, expected]) => {
  expect(commandsOf(one).files).toEqual(expected);
});
