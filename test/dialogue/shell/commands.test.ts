import { describe, expect, test } from "vitest";
import { shellWords } from "../../../base/shell-words.ts";
import { readCommands } from "../../../dialogue/shell/read-commands.ts";
import { commandsOfTool } from "../../../dialogue/shell/tool-commands.ts";
import type { ShellCommand } from "../../../dialogue/shell/types.ts";
import { TEXTS, UNDECIDED } from "./texts.ts";

function shown({ argv, unparsed, via, stdin }: ShellCommand): string {
  return [
    shellWords(argv),
    ...(unparsed === undefined ? [] : [`!${unparsed}`]),
    ...(via === undefined ? [] : [`@${via.join(" > ")}`]),
    ...(stdin === undefined ? [] : [`< ${JSON.stringify(stdin)}`]),
  ]
    .filter((part) => part !== "")
    .join("  ");
}

for (const [title, texts] of Object.entries(TEXTS)) {
  test.each(texts.map(([text, ...commands]) => ({ text, commands })))(`${title}: $text`, ({ text, commands }) => {
    expect(readCommands(text).map(shown)).toEqual(commands);
  });
}

test.each(UNDECIDED)("a variable that only might hold what was assigned is not decided: %s", (text) => {
  const asked = readCommands(text).filter(({ argv }) => argv[0] === "kubectl");
  expect(asked.map(({ unparsed }) => unparsed)).not.toContain(undefined);
  expect(asked).not.toEqual([]);
});

describe("a program in the words of awk or sed that starts another is told from one that does not", () => {
  const starts = (text: string) => readCommands(text).some(({ unparsed }) => unparsed === "interpreter");

  test.each([
    "sed s,a,id,e x",
    "sed 's|a/b|id|ge' x",
    "sed -n -E 's#a\\#b#id#pe' x",
    "sed -e p -e 's,a,id,e' x",
    "sed -ne 's,a,id,e' x",
    "sed --expression='s,a,id,e' x",
    "sed '1e id' x",
    "sed '/a/,$ { p; e id\n}' x",
    "sed '\\,a,e' x",
    "sed 'y,a,b,;e' x",
    "sed 's/[/]e/x/e' x",
    "sed -i '' 's,a,id,e' x",
    "sed 's,a,b,;s,c,d,2e' x",
    "sed '?eval' x",
    "awk '{ print | \"sh\" }' x",
    "awk '{ cmd = \"id\"; cmd | getline y }' x",
    "awk '{ print $1 |& \"sh\" }' x",
    "awk '{ system (\"id\") }' x",
    "awk -F'|' '{ print | $2 }' x",
    "awk -v c=id -- 'BEGIN { c | getline }' x",
    "awk '/a[/|]b/ { x = 1 / 2 | c }' x",
    'awk \'{ f = "system"; @f("id") }\' x',
    "gawk 'BEGIN { print > \"/inet/tcp/0/x/80\" }'",
    "gawk --weird 'BEGIN { print | \"sh\" }'",
  ])("%s", (text) => {
    expect(starts(text)).toBe(true);
  });

  test.each([
    "sed 's,/a/,/e/,' x",
    "sed s/a/b/w/tmp/e x",
    "sed -n '/e/p;$!d' x",
    "sed -i.e 's|a|e|g' x",
    "sed '/a/{s/e/f/g;s/g/h/}' e",
    "sed -n '10,20p' e.ts",
    "sed 'y/e/f/' x",
    "sed -e ':a;N;$!ba;s/\\n/e/g' x",
    "awk -F'|' '{ print $2 }' x",
    "awk -F '|' '/a|b/ || $1 ~ /c|d/ { print \"|\" }' x",
    "awk '$1 / 2 > 3 { print $2 / 4 } # a | b' x",
    "awk '{ mysystem(1) }' x",
    "awk 'NR==1 || /Running|Pending/' x",
  ])("and %s is none", (text) => {
    expect(starts(text)).toBe(false);
  });
});

describe("a switch to another cluster or other credentials is told, and a secret's value is not", () => {
  test.for<[text: string, ...overrides: string[]]>([
    ["kubectl --server=https://x get po", "--server=https://x"],
    ["kubectl -s https://x get po", "--server=https://x"],
    ["kubectl -shttps://x get po", "--server=https://x"],
    ["kubectl get po --token abc", "--token"],
    ["kubectl get po --token=abc --username u --password p", "--token", "--username=u", "--password"],
    ["kubectl --kubeconfig /x get po", "--kubeconfig=/x"],
    ["kubectl get po --user admin --cluster c", "--user=admin", "--cluster=c"],
    ["kubectl --client-key k --client-certificate c get po", "--client-certificate=c", "--client-key=k"],
    ["kubectl --insecure-skip-tls-verify get po", "--insecure-skip-tls-verify"],
    ["kubectl --kubeconfig=$X get po", "--kubeconfig=$X"],
    ["KUBECONFIG=/x kubectl get po", "KUBECONFIG=/x"],
    ["KUBECONFIG=$X kubectl get po", "KUBECONFIG"],
    ["export KUBECONFIG=/x", "KUBECONFIG=/x"],
    ["KUBECONFIG=/x", "KUBECONFIG=/x"],
    ["declare -gx KUBECONFIG+=:/x", "KUBECONFIG=:/x"],
    ["unset KUBECONFIG", "KUBECONFIG="],
    ["export KUBECONFIG=/x; kubectl get po", "KUBECONFIG=/x", "KUBECONFIG=/x"],
    ["KUBECONFIG=/x\nkubectl get po; ls", "KUBECONFIG=/x", "KUBECONFIG=/x"],
    ["export KUBECONFIG=/x; KUBECONFIG=/y kubectl get po", "KUBECONFIG=/x", "KUBECONFIG=/y"],
    ["export KUBECONFIG=/x; bash -c 'helm list'", "KUBECONFIG=/x", "KUBECONFIG=/x"],
    ["eval 'export KUBECONFIG=/x'; kubectl get po", "KUBECONFIG=/x", "KUBECONFIG=/x"],
    ["(export KUBECONFIG=/x); kubectl get po", "KUBECONFIG=/x"],
    ["f() { kubectl get po; }; export KUBECONFIG=/x; f", "KUBECONFIG=/x", "KUBECONFIG=/x"],
    ["while x; do kubectl get po; export KUBECONFIG=/x; done", "KUBECONFIG=/x", "KUBECONFIG=/x"],
    ["a && export KUBECONFIG=/x; kubectl get po", "KUBECONFIG=/x", "KUBECONFIG=/x"],
    ["read KUBECONFIG; kubectl get po", "KUBECONFIG"],
    ["KUBECONFIG=/x kubectl get po; kubectl get po", "KUBECONFIG=/x"],
    ["env KUBECONFIG=/x kubectl get po", "KUBECONFIG=/x"],
    ["env -u KUBECONFIG kubectl get po", "KUBECONFIG="],
    ["env --unset=KUBECONFIG kubectl get po", "KUBECONFIG="],
    ["sudo KUBECONFIG=/x bash -c 'kubectl get po'", "KUBECONFIG=/x"],
    ["HOME=/x kubectl get po", "HOME=/x"],
    ["KUBERNETES_MASTER=https://x kubectl get po", "KUBERNETES_MASTER=https://x"],
    ["kubectl config set-cluster c --server=https://x", "kubectl config set-cluster"],
    ["kubectl config set-credentials u --token=abc", "kubectl config set-credentials"],
    ["kubectl config set clusters.c.server https://x", "kubectl config set"],
    ["helm list --kubeconfig /x", "--kubeconfig=/x"],
    ["helm --kube-apiserver=https://x --kube-token abc list", "--kube-apiserver=https://x", "--kube-token"],
    ["HELM_KUBETOKEN=abc helm list", "HELM_KUBETOKEN="],
    ["kubectl frobnicate --server=https://x", "--server=https://x"],
    ["HOME=/x npm test"],
    ["kubectl --context prod -n shop get po"],
    ["kubectl config use-context prod"],
    ["kubectl exec web -- app --server=https://x --token abc"],
    ["echo --server=https://x"],
  ])("%s", ([text, ...overrides]) => {
    const found = readCommands(text).flatMap((command) => command.overrides ?? []);
    expect(found.map(({ name, value }) => (value === undefined ? name : `${name}=${value}`))).toEqual(overrides);
    expect(JSON.stringify(found)).not.toContain("abc");
  });
});

describe("a way round the gateway is told", () => {
  const SERVERS = ["cluster.example.com", "10.9.8.7", "127.0.0.1:39001", "gate.example.com/connections/prod"];
  test.each([
    "curl -k https://10.0.0.1:6443/version",
    "curl https://kubernetes.default.svc/api",
    "curl https://$KUBERNETES_SERVICE_HOST:443/",
    "curl https://x/api/v1/namespaces/shop/secrets",
    "curl https://x/apis/apps/v1/deployments",
    'curl -H "Authorization: Bearer $TOKEN" https://x',
    "curl -H authorization:bearer\\ abc https://x",
    "curl --oauth2-bearer abc https://x",
    "wget --header='Authorization: Bearer abc' https://x",
    "nc 10.0.0.1 6443 </dev/null; openssl s_client -connect 10.0.0.1:6443",
    "curl https://cluster.example.com/",
    "curl -k https://Cluster.Example.com.:8443/version",
    "curl 10.9.8.7",
    "nc 127.0.0.1 39001",
    "wget https://localhost:39001/healthz",
    "curl https://gate.example.com/connections/prod/version",
    "API=https://cluster.example.com; curl $API/version",
    "python3 -c 'requests.get(\"https://kubernetes.default\")'",
    "node -e 'fetch(\"https://x:6443\")'",
    "python3 - <<'E'\nopen('/var/run/secrets/kubernetes.io/serviceaccount/token')\nE",
    "kubectl proxy",
    "kubectl -n x proxy --port 8001 &",
    "cat /var/run/secrets/kubernetes.io/serviceaccount/token",
    "T=$(</run/secrets/kubernetes.io/serviceaccount/token)",
    "cp /var/run/secrets/eks.amazonaws.com/serviceaccount/token x",
    "exec 3<>/dev/tcp/10.0.0.1/6443",
    "{ echo; } >/dev/tcp/10.0.0.1/443",
    "sh -c 'echo' < /dev/tcp/10.0.0.1/443",
  ])("%s", (text) => {
    const found = readCommands(text, { servers: SERVERS });
    expect(found.some(({ around }) => around !== undefined)).toBe(true);
  });

  test.each([
    "curl -fsSL https://example.com/install.sh -o install.sh",
    "wget https://example.com/api/v2/things",
    "echo https://10.0.0.1:6443",
    "grep -r kubernetes.default .",
    "python3 app.py",
    "kubectl get --raw /api/v1/namespaces/shop/pods",
    "kubectl exec web -- cat /etc/hosts",
    "nc -l 8080",
    "curl https://my-cluster.example.com/ https://cluster.example.community/ https://cluster.example.com.org",
    "curl http://127.0.0.1:3000 http://localhost:390011 110.9.8.7 10.9.8.70",
    "curl https://gate.example.com/approvals/x https://gate.example.com/connections/production",
    "grep cluster.example.com x",
  ])("and %s is none", (text) => {
    expect(readCommands(text, { servers: SERVERS }).filter(({ around }) => around !== undefined)).toEqual([]);
  });
});

describe("a text that is too large, too deep or too much for the parser is one command that says so", () => {
  test.for<[what: string, text: string, reason: string]>([
    ["64 KB", `echo ${"x".repeat(64 * 1024)}`, "too-long"],
    ["hundreds of commands", "kubectl get pods;".repeat(400), "too-many"],
    ["hundreds of substitutions", "echo $(true) ".repeat(500), "too-many"],
    ["open substitutions", "$(".repeat(20_000), "too-many"],
    ["backticks", "`".repeat(30_000), "too-many"],
    ["here-documents", "cat <<A ".repeat(100), "too-many"],
    ["nested substitutions", `${"$(".repeat(60)}kubectl${")".repeat(60)}`, "too-deep"],
    ["nested shells", `${"eval ".repeat(20)}kubectl get pods`, "too-deep"],
    ["wrappers of wrappers", `${"nohup ".repeat(40)}kubectl get pods`, "too-deep"],
    ["braces that make thousands of words", "kubectl get {a,b}{c,d}{e,f}{g,h}{i,j}{k,l}{m,n}{o,p}{q,r}", "too-many"],
    ["a range of a billion", "kubectl get {1..999999999}", "too-many"],
  ])("%s", ([, text, reason]) => {
    expect(readCommands(text).map(({ unparsed }) => unparsed)).toContain(reason);
  });
});

test.for<[what: string, text: string]>([
  ["sed, a pattern without an end", `sed '/${"e".repeat(60_000)}!' x`],
  ["sed, many commands", `sed '${"p;".repeat(30_000)}' x`],
  ["awk, patterns without an end", `awk '${"/[".repeat(30_000)}' x`],
  ["many conditions", `y='$'; ${"[[ ".repeat(15_000)}`],
  ["many assignments", `${"a=1;".repeat(15_000)}`],
  ["a value that grows", `${"a=x; a=$a$a$a$a; ".repeat(3_500)} kubectl get pod "$a$a$a"`],
  ["loops in loops", `${"for a in 1 2 3 4 5 6 7 8; do ".repeat(60)} b=$a; ${"done; ".repeat(60)}`],
  ["branches in branches", `${"if a; then b=1; ".repeat(2_000)} ${"fi; ".repeat(2_000)}`],
])("a text as long as one may be is looked at in a moment: %s", ([, text]) => {
  // Of this thread, whatever else the machine does.
  const { user } = process.threadCpuUsage();
  readCommands(text);
  expect((process.threadCpuUsage().user - user) / 1000).toBeLessThan(1_000);
});

describe("a shell's tool is known by its name or by what it is given", () => {
  test.for<[name: string, args: Record<string, unknown>, ...commands: string[]]>([
    ["Bash", { command: "kubectl get pods", description: "lists" }, "kubectl get pods"],
    ["shell", { command: ["kubectl", "get", "pods a"] }, "kubectl get 'pods a'"],
    ["shell", { command: ["bash", "-lc", "kubectl get pods"] }, "kubectl get pods  @bash -c"],
    ["local_shell", { commands: ["ls", "kubectl get pods"] }, "ls", "kubectl get pods"],
    ["exec_command", { cmd: "kubectl get pods" }, "kubectl get pods"],
    ["run_terminal_cmd", { command: "kubectl get pods" }, "kubectl get pods"],
    ["mcp__ops__run", { script: "kubectl get pods" }, "kubectl get pods"],
    ["shell", { input: "kubectl get pods" }, "kubectl get pods"],
    ["Bash", { command: [1, 2] }, "!syntax"],
    ["Bash", { command: 5 }, "!syntax"],
    ["Bash", { command: null }],
    ["lookup", { command: 5 }],
    ["Bash", { command: { program: "kubectl" } }, "!syntax"],
    ["run", { command: "kubectl", args: ["delete", "ns", "a b"] }, "kubectl delete ns 'a b'"],
    ["run", { command: "bash", args: ["-c", "kubectl get pods"] }, "kubectl get pods  @bash -c"],
    ["run", { command: ["kubectl"], args: ["delete", "ns"] }, "kubectl delete ns"],
    ["run", { command: "kubectl", args: "delete ns prod" }, "kubectl delete ns prod"],
    ["run", { command: "kubectl get # x", args: ["pods"] }, "kubectl get", "!syntax"],
    ["run", { command: "kubectl", args: [1] }, "kubectl", "!syntax"],
    ["run", { command: "kubectl version", args: [] }, "kubectl version"],
    ["shell", { commands: [["kubectl", "delete", "a b"], "ls"] }, "kubectl delete 'a b'", "ls"],
    ["shell", { commands: [{ command: "ls" }, [1]] }, "!syntax", "!syntax"],
    ["shell", { commands: { a: "ls" } }, "!syntax"],
    ["Bash", { Command: "kubectl get pods" }, "kubectl get pods"],
    ["Bash", { command: "ls", COMMAND: "kubectl get pods" }, "ls", "kubectl get pods"],
    ["run", { commandLine: "kubectl get pods" }, "kubectl get pods"],
    ["Bash", { command: "kubectl get pods", env: { PATH: "/tmp" } }, "kubectl get pods  !environment"],
    ["Bash", { command: "ls", env: "PATH=/tmp" }, "ls", "!environment"],
    ["run_shell_command", { command: "kubectl get pods", directory: "x" }, "kubectl get pods"],
    ["shell_command", { command: "kubectl get pods", workdir: "/" }, "kubectl get pods"],
    ["BashOutput", { bash_id: "1", filter: "kubectl" }],
    ["KillShell", { shell_id: "1" }],
    ["write_stdin", { session_id: 1, chars: "kubectl get pods\n" }, "kubectl get pods", "!script"],
    ["write_stdin", { session_id: 1, chars: "" }],
    ["write_bash", { sessionId: "a", input: "kubectl get pods" }, "kubectl get pods", "!script"],
    ["powershell", { command: "kubectl get pods" }, "kubectl get pods", "!dialect"],
    ["kubectl", { command: "kubectl get pods", modifies_resource: "no" }, "kubectl get pods"],
    ["kubectl", { args: ["get", "pods a"] }, "kubectl get 'pods a'"],
    ["mcp__aks__call_kubectl", { args: "get pods" }, "kubectl get pods"],
    ["mcp__k8s__execute_kubectl", { command: "get pods | grep x" }, "kubectl get pods", "grep x"],
    ["execute_helm", { command: "list" }, "helm list"],
    ["kubectl", { command: "get", namespace: "x" }, "kubectl get", "!indirect"],
    ["kubectl", { command: "get", args: "pods" }, "kubectl get pods", "!indirect"],
    ["kubectl", { command: 5 }, "!syntax"],
    ["kubectl", { resource: "pods" }],
    ["mcp__k8s__kubectl_generic", { command: "get", resourceType: "pods" }, "get", "!indirect"],
    ["mcp__kubernetes__exec_in_pod", { name: "web", command: "ls" }, "ls", "!indirect"],
    ["pods_exec", { name: "web", command: ["ls", "a b"] }, "ls 'a b'", "!indirect"],
    ["ssh_run", { command: "kubectl get pods" }, "kubectl get pods", "!indirect"],
    [
      "multi_tool_use.parallel",
      { tool_uses: [{ recipient_name: "functions.shell", parameters: { command: ["kubectl", "get", "pods"] } }] },
      "kubectl get pods",
      "!indirect",
    ],
    ["plan", { steps: [{ Script: "kubectl get pods" }, { cmd: "ls" }] }, "kubectl get pods", "ls", "!indirect"],
    ["plan", { steps: Array(600).fill([]), last: [{ cmd: "ls" }] }],
    ["plan", { last: [{ cmd: "ls" }], steps: Array(600).fill([]) }, "!indirect"],
    ["memory", { command: "view", path: "/x" }],
    ["str_replace_based_edit_tool", { command: "view", path: "/x" }],
    ["shell", { commands: ["x".repeat(300_000), "ls"] }, "!too-long"],
    ["Write", { file_path: "x", content: "kubectl get pods" }],
    ["lookup", { input: "kubectl get pods" }],
  ])("%s %o", ([name, args, ...commands]) => {
    expect(commandsOfTool(name, args).map(shown)).toEqual(commands);
  });

  test.for<[env: unknown, ...overrides: string[]]>([
    [{ KUBECONFIG: "/x" }, "KUBECONFIG=/x"],
    [{ KUBECONFIG: {} }, "KUBECONFIG"],
    [["KUBECONFIG=/x"], "KUBECONFIG=/x"],
    [{ NODE_ENV: "test" }],
  ])("what it sets of the environment is set for all that it runs: %o", ([env, ...overrides]) => {
    const found = commandsOfTool("Bash", { command: "true; kubectl get pods", env }).at(-1);
    const told = (found?.overrides ?? []).map(({ name, value }) => (value === undefined ? name : `${name}=${value}`));
    expect(told).toEqual(overrides);
  });

  test("arguments that are no object hold no command", () => {
    expect(commandsOfTool("Bash", undefined)).toEqual([]);
  });
});
