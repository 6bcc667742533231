/**
 * Which options kubectl 1.36 takes, command by command, as `kubectl COMMAND --help` lists them: `n,namespace`; `?` takes
 * no value but behind `=`, and neither does `~`, whose value is no truth (pflag's NoOptDefVal); `@print`, `@files` and
 * `@write` stand for OPTION_GROUPS. A test compares the table with kubectl itself.
 */
export const COMMAND_OPTIONS: Readonly<Record<string, string>> = {
  create: "@print @files @write edit? raw save-config? l,selector validate~ windows-line-endings?",
  "create clusterrole": `
    @print @write aggregation-rule non-resource-url resource resource-name save-config? validate~ verb`,
  "create clusterrolebinding": "@print @write clusterrole group save-config? serviceaccount user validate~",
  "create configmap": "@print @write append-hash? from-env-file from-file from-literal save-config? validate~",
  "create cronjob": "@print @write image restart save-config? schedule validate~",
  "create deployment": "@print @write image port r,replicas save-config? validate~",
  "create ingress": "@print @write annotation class default-backend rule save-config? validate~",
  "create job": "@print @write from image save-config? validate~",
  "create namespace": "@print @write save-config? validate~",
  "create poddisruptionbudget": "@print @write max-unavailable min-available save-config? selector validate~",
  "create priorityclass": "@print @write description global-default? preemption-policy save-config? validate~ value",
  "create quota": "@print @write hard save-config? scopes validate~",
  "create role": "@print @write resource resource-name save-config? validate~ verb",
  "create rolebinding": "@print @write clusterrole group role save-config? serviceaccount user validate~",
  "create secret": "",
  "create secret docker-registry": `
    @print @write append-hash? docker-email docker-password docker-server docker-username from-file save-config?
    validate~`,
  "create secret generic": `
    @print @write append-hash? from-env-file from-file from-literal save-config? type validate~`,
  "create secret tls": "@print @write append-hash? cert key save-config? validate~",
  "create service": "",
  "create service clusterip": "@print @write clusterip save-config? tcp validate~",
  "create service externalname": "@print @write external-name save-config? tcp validate~",
  "create service loadbalancer": "@print @write save-config? tcp validate~",
  "create service nodeport": "@print @write node-port save-config? tcp validate~",
  "create serviceaccount": "@print @write save-config? validate~",
  "create token": "@print audience bound-object-kind bound-object-name bound-object-uid duration",
  expose: `
    @print @files @write cluster-ip external-ip l,labels load-balancer-ip name override-type overrides port protocol
    save-config? selector session-affinity target-port type`,
  run: `
    @print @files @write annotations attach? cascade~ command? detach-keys env expose? force? grace-period image
    image-pull-policy l,labels leave-stdin-open? override-type overrides pod-running-timeout port privileged?
    q,quiet? restart rm? save-config? i,stdin? timeout t,tty? wait?`,
  set: "",
  "set env": `
    @print @files @write all? c,containers e,env from keys list? local? overwrite? prefix resolve? l,selector`,
  "set image": "@print @files @write all? local? l,selector",
  "set resources": "@print @files @write all? c,containers limits local? requests l,selector",
  "set selector": "@print @write all? f,filename local? R,recursive? resource-version",
  "set serviceaccount": "@print @files @write all? local?",
  "set subject": "@print @files @write all? group local? l,selector serviceaccount user",
  explain: "api-version o,output R,recursive?",
  get: `
    @print @files A,all-namespaces? chunk-size field-selector ignore-not-found? L,label-columns no-headers?
    output-watch-events? raw l,selector server-print? show-kind? show-labels? sort-by subresource w,watch?
    watch-only?`,
  edit: "@print @files field-manager output-patch? save-config? subresource validate~ windows-line-endings?",
  delete: `
    @files all? A,all-namespaces? cascade~ dry-run~ field-selector force? grace-period ignore-not-found?
    i,interactive? now? o,output raw l,selector timeout wait?`,
  rollout: "",
  "rollout history": "@print @files revision l,selector",
  "rollout pause": "@print @files field-manager l,selector",
  "rollout restart": "@print @files field-manager l,selector",
  "rollout resume": "@print @files field-manager l,selector",
  "rollout status": "@files revision l,selector timeout w,watch?",
  "rollout undo": "@print @files dry-run~ l,selector to-revision",
  scale: "@print @files all? current-replicas dry-run~ replicas resource-version l,selector timeout",
  autoscale: "@print @files @write cpu max memory min name save-config?",
  certificate: "",
  "certificate approve": "@print @files force?",
  "certificate deny": "@print @files force?",
  "cluster-info": "",
  "cluster-info dump": "@print A,all-namespaces? namespaces output-directory pod-running-timeout",
  top: "",
  "top node": "no-headers? l,selector show-capacity? show-swap? sort-by use-protocol-buffers?",
  "top pod": `
    A,all-namespaces? containers? field-selector no-headers? l,selector show-swap? sort-by sum?
    use-protocol-buffers?`,
  cordon: "dry-run~ l,selector",
  uncordon: "dry-run~ l,selector",
  drain: `
    chunk-size delete-emptydir-data? disable-eviction? dry-run~ force? grace-period ignore-daemonsets? pod-selector
    l,selector skip-wait-for-delete-timeout timeout`,
  taint: "@print @write all? overwrite? l,selector validate~",
  describe: "@files A,all-namespaces? chunk-size l,selector show-events?",
  logs: `
    all-containers? all-pods? c,container f,follow? ignore-errors? insecure-skip-tls-verify-backend? limit-bytes
    max-log-requests pod-running-timeout prefix? p,previous? l,selector since since-time tail timestamps?`,
  attach: "c,container detach-keys pod-running-timeout q,quiet? i,stdin? t,tty?",
  exec: "c,container f,filename pod-running-timeout q,quiet? i,stdin? t,tty?",
  "port-forward": "address pod-running-timeout",
  proxy: `
    accept-hosts accept-paths address api-prefix append-server-path? disable-filter? keepalive p,port reject-methods
    reject-paths u,unix-socket w,www P,www-prefix`,
  cp: "c,container no-preserve? retries",
  auth: "",
  "auth can-i": "A,all-namespaces? list? no-headers? q,quiet? subresource",
  "auth reconcile": "@print @files dry-run~ remove-extra-permissions? remove-extra-subjects?",
  "auth whoami": "@print",
  debug: `
    arguments-only? attach? c,container copy-to custom env f,filename image image-pull-policy keep-annotations?
    keep-init-containers? keep-labels? keep-liveness? keep-readiness? keep-startup? profile q,quiet? replace?
    same-node? set-image share-processes? i,stdin? target t,tty?`,
  events: "@print A,all-namespaces? chunk-size for no-headers? types w,watch?",
  diff: `
    @files concurrency field-manager force-conflicts? prune? prune-allowlist l,selector server-side?
    show-managed-fields? show-secrets?`,
  apply: `
    @print @files @write all? cascade~ force? force-conflicts? grace-period openapi-patch? overwrite? prune?
    prune-allowlist l,selector server-side? subresource timeout validate~ wait?`,
  "apply edit-last-applied": "@print @files field-manager validate~ windows-line-endings?",
  "apply set-last-applied": "@print create-annotation? dry-run~ f,filename",
  "apply view-last-applied": "@files all? o,output l,selector",
  patch: "@print @files @write local? p,patch patch-file subresource type",
  replace: "@print @files @write cascade~ force? grace-period raw save-config? subresource timeout validate~ wait?",
  wait: "@print all? A,all-namespaces? field-selector f,filename for local? R,recursive? l,selector timeout",
  kustomize: `
    as-current-user? enable-alpha-plugins? enable-helm? e,env helm-api-versions helm-command helm-debug?
    helm-kube-version load-restrictor mount network? network-name o,output`,
  label: `
    @print @files @write all? A,all-namespaces? field-selector list? local? overwrite? resource-version l,selector`,
  annotate: `
    @print @files @write all? A,all-namespaces? field-selector list? local? overwrite? resource-version l,selector`,
  completion: "",
  "api-resources": "api-group cached? categories namespaced? no-headers? o,output show-managed-fields? sort-by verbs",
  "api-versions": "",
  config: "",
  "config current-context": "",
  "config delete-cluster": "",
  "config delete-context": "",
  "config delete-user": "",
  "config get-clusters": "",
  "config get-contexts": "no-headers? o,output",
  "config get-users": "",
  "config rename-context": "",
  "config set": "set-raw-bytes?",
  "config set-cluster": "certificate-authority embed-certs? insecure-skip-tls-verify? proxy-url server tls-server-name",
  "config set-context": "cluster current? n,namespace user",
  "config set-credentials": `
    auth-provider auth-provider-arg client-certificate client-key embed-certs? exec-api-version exec-arg
    exec-command exec-env exec-interactive-mode exec-provide-cluster-info? password token username`,
  "config unset": "",
  "config use-context": "",
  "config view": "@print flatten? merge? minify? raw?",
  kuberc: "",
  "kuberc set": "allowlist-entry appendarg command kuberc name option overwrite? policy prependarg section",
  "kuberc view": "@print kuberc",
  plugin: "",
  "plugin list": "name-only?",
  version: "client? o,output",
};

export const OPTION_GROUPS: Readonly<Record<string, string>> = {
  "@print": "allow-missing-template-keys? o,output show-managed-fields? template",
  "@files": "f,filename k,kustomize R,recursive?",
  "@write": "dry-run~ field-manager",
};

/** `kubectl options`. */
export const GLOBAL_OPTIONS = `
  as as-group as-uid as-user-extra cache-dir certificate-authority client-certificate client-key cluster context
  disable-compression? insecure-skip-tls-verify? kubeconfig kuberc log-flush-frequency match-server-version?
  n,namespace password profile profile-output request-timeout s,server tls-server-name token user username v,v
  vmodule warnings-as-errors?`;

/** What older releases took, and newer ones take without listing it. */
export const OLDER_OPTIONS: Readonly<Record<string, string>> = {
  "*": "record?",
  autoscale: "cpu-percent",
  drain: "delete-local-data?",
  exec: "p,pod",
  get: "export?",
  "port-forward": "p,pod",
  run: "generator replicas requests limits serviceaccount",
};
