/** One thing that somebody does with kubectl: commands that run one after the other, on each side in turn. */
export interface Case {
  family: string;
  /**
   * `~` before one: only its exit code counts, since what it prints depends on when it looks. `!port-forward … -- /path`
   * and `!proxy … -- /path` ask for the path through the port that they open.
   * Words are split as a shell does, with single quotes; `{ns}`, `{files}`, `{scratch}` and `{port}` are the side's own.
   */
  steps: string[];
  input?: string;
  /** What `kubectl edit` runs instead of an editor: a sed expression. */
  edit?: string;
  /** Touches what both sides share, so that they take turns; others run at once. */
  shared?: true;
  /** Among the forty of `npm test`. */
  short?: true;
}

const n = "-n {ns}";
type Extra = Partial<Omit<Case, "family" | "steps">>;
/** A case is its command, its commands in a list, or either of these with what else it has. */
type Written = string | [string[]] | [string | string[], Extra];

const of = (family: string, ...written: Written[]): Case[] =>
  written.map((entry) => {
    const [steps, extra = {}] = typeof entry === "string" ? [entry] : entry;
    return { family, steps: [steps].flat(), ...extra };
  });

const short = { short: true } as const;

/** The first case makes what the others are about. */
export const cases: Case[] = [
  ...of(
    "apply",
    [[`create namespace {ns}`, `apply ${n} -f {files}/world.yaml`], short],
    [
      [
        `wait ${n} --for=condition=Ready pod/shell pod/echo --timeout=60s`,
        `wait ${n} --for=condition=Available deployment/web --timeout=60s`,
      ],
      short,
    ],
    [[`apply ${n} -f {files}/settings.yaml`, `get ${n} configmap settings -o jsonpath={.data}`], short],
    [`apply ${n} -f {files}/settings.yaml`, short],
    `apply ${n} -f {files}/settings.yaml --dry-run=server -o yaml`,
    [`apply ${n} -f {files}/invalid.yaml`, short],
    `apply ${n} -f {files}/unknown.yaml`,
    `apply ${n} view-last-applied configmap settings`,
  ),
  ...of(
    "server-side apply",
    [`apply ${n} --server-side -f {files}/applied.yaml`, short],
    `get ${n} configmap applied -o jsonpath={.data} --show-managed-fields`,
    `apply ${n} --server-side --field-manager=other -f {files}/applied.yaml`,
    [
      [`patch ${n} configmap applied -p '{"data":{"a":"9"}}'`, `apply ${n} --server-side -f {files}/applied.yaml`],
      short,
    ],
    `apply ${n} --server-side --force-conflicts -f {files}/applied.yaml`,
  ),
  ...of(
    "get",
    [`get ${n} pods shell echo`, short],
    [`get ${n} pod shell -o jsonpath='{.spec.containers[*].name}'`, short],
    `get ${n} configmap settings -o yaml`,
    `get ${n} configmap,secret,service`,
    [`get ${n} pods -l app=shell --show-labels`, short],
    `get ${n} pods --field-selector=metadata.name=shell -o name`,
    [`get ${n} pod nowhere`, short],
    `get ${n} nothings`,
    `get ${n} secret creds -o go-template='{{.data.password | base64decode}}'`,
    `get ${n} configmaps -w --request-timeout=2s`,
    `get --raw /api/v1/namespaces/{ns}/configmaps/settings`,
    `get --raw /nowhere`,
    `get ${n} deployments --chunk-size=1 -o custom-columns=NAME:.metadata.name,REPLICAS:.spec.replicas`,
    `get pods --all-namespaces --field-selector=metadata.namespace={ns},metadata.name=shell -o wide`,
  ),
  ...of(
    "describe",
    [`describe ${n} configmap kube-root-ca.crt`, short],
    `describe ${n} secret creds`,
    `describe ${n} service web`,
    `describe namespace {ns}`,
    `describe ${n} pod nowhere`,
  ),
  ...of(
    "edit",
    [
      [`edit ${n} configmap settings`, `get ${n} configmap settings -o jsonpath={.data}`],
      { ...short, edit: "s/colour: green/colour: red/" },
    ],
    [`edit ${n} configmap settings`, { edit: "s/nothing like it/x/" }],
    [`edit ${n} configmap nowhere`, { edit: "s/a/b/" }],
    [`edit ${n} deployment web -o json`, { edit: 's/"revisionHistoryLimit": 10/"revisionHistoryLimit": 5/' }],
  ),
  ...of(
    "patch",
    [
      `patch ${n} deployment web --type=strategic -p '{"spec":{"template":{"metadata":{"annotations":{"a":"b"}}}}}'`,
      short,
    ],
    [`patch ${n} configmap settings --type=merge -p '{"data":{"size":null}}'`, short],
    [`patch ${n} configmap settings --type=json -p '[{"op":"add","path":"/data/weight","value":"3"}]'`, short],
    `patch ${n} configmap settings --type=json -p '[{"op":"test","path":"/data/weight","value":"4"}]'`,
    `patch ${n} deployment web --subresource=scale --type=merge -p '{"spec":{"replicas":1}}'`,
    `patch ${n} configmap settings --type=json -p '[{"op":"replace"}]'`,
    `patch ${n} configmap nowhere -p '{}'`,
  ),
  ...of(
    "scale",
    [[`scale ${n} deployment/web --replicas=2`, `get ${n} deployment web -o jsonpath={.spec.replicas}`], short],
    `scale ${n} deployment/web --replicas=1 --current-replicas=7`,
    `scale ${n} deployment/web --replicas=1`,
    `scale ${n} deployment/nowhere --replicas=1`,
  ),
  ...of(
    "set",
    [`set image ${n} deployment/web main=registry.example.com/shell:2`, short],
    `set env ${n} deployment/web COLOUR=blue`,
    `set resources ${n} deployment/web -c main --limits=cpu=200m`,
    `set serviceaccount ${n} deployment/web robot`,
    `set image ${n} deployment/web nothing=a`,
  ),
  ...of(
    "rollout",
    [[`~rollout status ${n} deployment/web --timeout=60s`, `rollout status ${n} deployment/web --timeout=60s`], short],
    `rollout history ${n} deployment/web`,
    [[`rollout undo ${n} deployment/web`, `~rollout status ${n} deployment/web --timeout=60s`], short],
    [[`rollout restart ${n} deployment/web`, `~rollout status ${n} deployment/web --timeout=60s`]],
    [[`rollout pause ${n} deployment/web`, `rollout resume ${n} deployment/web`]],
    `rollout undo ${n} deployment/web --to-revision=99`,
  ),
  ...of(
    "wait",
    [`wait ${n} --for=condition=Available deployment/web --timeout=60s`, short],
    `wait ${n} --for=jsonpath={.data.colour}=red configmap/settings --timeout=10s`,
    `wait ${n} --for=condition=Nothing deployment/web --timeout=1s`,
    `wait ${n} --for=delete configmap/nowhere --timeout=5s`,
  ),
  ...of(
    "logs",
    [`logs ${n} shell -c main`, short],
    [`logs ${n} shell -c main --tail=1`, short],
    `logs ${n} shell --all-containers --prefix`,
    `logs ${n} -l app=shell -c main --limit-bytes=6`,
    `logs ${n} shell -c nothing`,
    `logs ${n} nowhere`,
    [
      [
        `apply ${n} -f {files}/job.yaml`,
        `wait ${n} --for=condition=Complete job/count --timeout=60s`,
        `logs ${n} -f job/count`,
      ],
      short,
    ],
  ),
  ...of(
    "exec",
    [`exec ${n} shell -c main -- sh -c 'echo out; echo err >&2; exit 7'`, short],
    [`exec ${n} -i shell -c main -- cat`, { ...short, input: "through stdin\nand back\n" }],
    `exec ${n} shell -c side -- sh -c 'echo "$0" "$@"' a 'b c' d`,
    `exec ${n} deployment/web -- true`,
    [`exec ${n} shell -c main -- no-such-command`, short],
    `exec ${n} shell -c nothing -- true`,
    `exec ${n} nowhere -- true`,
    [`exec ${n} -i shell -c main -- wc -c`, { input: "x".repeat(1_000_000) }],
  ),
  ...of("attach", `attach ${n} nowhere`, `attach ${n} shell -c nothing`, [`attach ${n} deployment/nowhere`, {}]),
  ...of(
    "cp",
    [
      [
        `cp ${n} {files}/greeting.txt shell:{pod}-greeting.txt -c main`,
        `exec ${n} shell -c main -- cat {pod}-greeting.txt`,
      ],
      short,
    ],
    [[`cp ${n} shell:{pod}-greeting.txt {scratch}/back.txt -c main`]],
    `cp ${n} {files}/nothing.txt shell:nothing.txt -c main`,
    `cp ${n} {files}/greeting.txt nowhere:greeting.txt`,
  ),
  ...of(
    "port-forward",
    [`!port-forward ${n} pod/echo :{port} -- /one`, short],
    `!port-forward ${n} pod/echo :{port} -- /two?x=1`,
    `port-forward ${n} pod/nowhere :80`,
    `port-forward ${n} service/nowhere :80`,
  ),
  ...of(
    "proxy",
    [`!proxy --port=0 -- /api/v1/namespaces/{ns}/configmaps/kube-root-ca.crt`, short],
    `!proxy --port=0 -- /api/v1/namespaces/{ns}/pods/shell/log?container=main`,
    `!proxy --port=0 -- /api/v1/nowhere`,
  ),
  ...of(
    "debug",
    [`debug ${n} shell --image=registry.example.com/shell:1 -c debugger -q -- sh -c 'echo debugging'`, short],
    `get ${n} pod shell -o jsonpath={.spec.ephemeralContainers[*].name}`,
    `debug ${n} shell --image=registry.example.com/shell:1 --copy-to=shell-copy --container=side -q -- sh -c true`,
    `debug ${n} nowhere --image=registry.example.com/shell:1 -q -- true`,
  ),
  ...of(
    "label",
    [`label ${n} pod shell tier=front`, short],
    `label ${n} pod shell tier=back`,
    `label ${n} pod shell tier=back --overwrite`,
    `label ${n} pod shell tier-`,
  ),
  ...of(
    "annotate",
    [`annotate ${n} configmap settings note='a b'`, short],
    `annotate ${n} configmap settings note=c`,
    `annotate ${n} configmap settings note-`,
  ),
  ...of(
    "autoscale",
    [[`autoscale ${n} deployment/web --min=1 --max=3`, `get ${n} hpa web -o jsonpath={.spec.maxReplicas}`], short],
    `autoscale ${n} deployment/web --min=3 --max=1`,
    `autoscale ${n} deployment/nowhere --max=3`,
  ),
  ...of(
    "events",
    [`events ${n} --for=configmap/settings`, short],
    `get ${n} events --field-selector=reason=NothingLikeIt`,
    `events ${n} --types=Nothing`,
  ),
  ...of(
    "diff",
    [`diff ${n} -f {files}/settings.yaml`, short],
    `diff ${n} --server-side -f {files}/applied.yaml`,
    `diff ${n} -f {files}/unknown.yaml`,
  ),
  ...of(
    "auth can-i",
    [`auth can-i create deployments ${n}`, short],
    `auth can-i impersonate users`,
    `auth can-i get nothings ${n}`,
    `auth can-i --list ${n} --no-headers`,
  ),
  ...of(
    "api-resources",
    [`api-resources --api-group=apps --no-headers`, short],
    `api-resources --namespaced=false -o name --sort-by=name`,
    `api-versions`,
    `api-resources --api-group=nothing.example.com`,
  ),
  ...of(
    "explain",
    [`explain deployment.spec.strategy`, short],
    `explain pods.spec.containers.livenessProbe --recursive`,
    `explain nothings`,
  ),
  ...of(
    "create",
    [`create ${n} configmap made --from-literal=a=b -o yaml`, short],
    `create ${n} configmap made --from-literal=a=b`,
    `create ${n} secret generic made --from-literal=token=abc`,
    `create ${n} token robot --duration=1s`,
    [`create ${n} -f -`, { input: '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"piped"}}' }],
    `create ${n} quota small --hard=pods=100`,
  ),
  ...of(
    "replace",
    [[`replace ${n} -f -`], { input: "kind: ConfigMap\napiVersion: v1\nmetadata: {name: piped}\ndata: {on: 'off'}\n" }],
    `get ${n} configmap piped -o jsonpath={.data}`,
    [`replace ${n} -f -`, { input: "kind: ConfigMap\napiVersion: v1\nmetadata: {name: absent}\n" }],
  ),
  ...of(
    "run and expose",
    `run ${n} once --image=registry.example.com/shell:1 --restart=Never --dry-run=server -o name`,
    `expose ${n} deployment web --name=exposed --port=80 --dry-run=server -o name`,
    `version`,
  ),
  ...of(
    "taint",
    [
      [
        "taint nodes --all {ns}=a:PreferNoSchedule",
        "taint nodes --all {ns}=b:PreferNoSchedule --overwrite",
        "taint nodes --all {ns}-",
      ],
      { shared: true },
    ],
    ["taint nodes --all nothing-", { shared: true }],
    ["taint nodes nowhere a=b:NoSchedule", { shared: true }],
  ),
  ...of(
    "drain",
    [["cordon {node}", "uncordon {node}"], { shared: true, short: true }],
    [[`drain {node} --pod-selector=app={ns} --ignore-daemonsets --force`, "uncordon {node}"], { shared: true }],
    [`drain {node} --dry-run=server --pod-selector=app={ns}`, { shared: true }],
    ["drain nowhere", { shared: true }],
  ),
  ...of(
    "certificate",
    [
      [
        "create -f {files}/csr.yaml",
        "certificate approve {ns}-csr",
        "get csr {ns}-csr -o jsonpath={.status.conditions[0].type}",
        "delete csr {ns}-csr",
      ],
      { shared: true, short: true },
    ],
    [["create -f {files}/csr.yaml", "certificate deny {ns}-csr", "delete csr {ns}-csr"], { shared: true }],
    ["certificate approve nowhere", { shared: true }],
  ),
  ...of(
    "delete",
    [`delete ${n} configmap made`, short],
    `delete ${n} configmap made`,
    `delete ${n} configmap made --ignore-not-found`,
    `delete ${n} secret -l nothing=here`,
    `delete ${n} hpa --all`,
    `delete ${n} pod shell-copy --wait=false --ignore-not-found -o name`,
  ),
];
