import { stringify } from "yaml";

/** What `connection add` was asked for. */
export interface Wish {
  name: string;
  server: string;
  caFile?: string;
  namespace: string;
  serviceAccount: string;
  impersonate: boolean;
  /** Empty: any. */
  users: string[];
  groups: string[];
  extraKeys: string[];
  tokenRequest?: { namespace: string; serviceAccount: string; seconds: number };
}

type Manifest = Record<string, unknown>;
export interface Rule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
  resourceNames?: string[];
}

const RBAC = "rbac.authorization.k8s.io";

/** What the gateway reads in its own name, so that policy knows what it judges; it reads nothing else. */
export const GATHER_RULES: Rule[] = [
  { apiGroups: [""], resources: ["namespaces"], verbs: ["get"] },
  { apiGroups: [RBAC], resources: ["roles"], verbs: ["get"] },
  { apiGroups: [RBAC], resources: ["clusterroles"], verbs: ["get", "list"] },
  { apiGroups: ["apiregistration.k8s.io"], resources: ["apiservices"], verbs: ["get"] },
  // Neither list nor watch: those that a pod names, whose values must not leave by its log or a terminal.
  { apiGroups: [""], resources: ["secrets"], verbs: ["get"] },
];

/** The rights to impersonate. RBAC can name users and groups, and can't limit them by prefix. */
export function impersonationRules(wish: Pick<Wish, "users" | "groups" | "extraKeys">): Rule[] {
  const named = (names: string[]): Pick<Rule, "resourceNames"> => (names.length === 0 ? {} : { resourceNames: names });
  const rules: Rule[] = [
    { apiGroups: [""], resources: ["users"], verbs: ["impersonate"], ...named(wish.users) },
    { apiGroups: [""], resources: ["groups"], verbs: ["impersonate"], ...named(wish.groups) },
    { apiGroups: ["authentication.k8s.io"], resources: ["uids"], verbs: ["impersonate"] },
  ];
  if (wish.extraKeys.length > 0) {
    const resources = wish.extraKeys.map((key) => `userextras/${key.toLowerCase()}`);
    rules.push({ apiGroups: ["authentication.k8s.io"], resources, verbs: ["impersonate"] });
  }
  return rules;
}

/** Namespace, service accounts, roles and bindings, in an order that `kubectl apply` takes. */
export function manifests(wish: Wish): Manifest[] {
  const { namespace, serviceAccount, tokenRequest } = wish;
  const gateway = { kind: "ServiceAccount", name: serviceAccount, namespace };
  const session = tokenRequest && {
    kind: "ServiceAccount",
    name: tokenRequest.serviceAccount,
    namespace: tokenRequest.namespace,
  };
  const namespaces = new Set([namespace, ...(tokenRequest === undefined ? [] : [tokenRequest.namespace])]);
  const accounts = session === undefined ? [gateway] : [gateway, session];
  const list: Manifest[] = [
    ...[...namespaces].map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
    ...accounts.map(({ name, namespace: inside }) => ({
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name, namespace: inside },
    })),
    ...clusterGrant("gather", GATHER_RULES, gateway),
  ];
  if (wish.impersonate) list.push(...clusterGrant("impersonate", impersonationRules(wish), session ?? gateway));
  if (tokenRequest !== undefined) {
    // The gateway binds each token to an empty Secret of its own, deletes it with
    // the session, and by deletecollection those that a killed gateway left.
    const rules: Rule[] = [
      {
        apiGroups: [""],
        resources: ["serviceaccounts/token"],
        verbs: ["create"],
        resourceNames: [tokenRequest.serviceAccount],
      },
      { apiGroups: [""], resources: ["secrets"], verbs: ["create", "delete", "deletecollection"] },
    ];
    const metadata = { name: `${serviceAccount}-tokens`, namespace: tokenRequest.namespace };
    list.push({ apiVersion: `${RBAC}/v1`, kind: "Role", metadata, rules });
    list.push(binding("RoleBinding", metadata, "Role", gateway));
  }
  return list;
}

/** Named by its account: another connection, whose account has this name in another namespace, must not take it over. */
function clusterGrant(purpose: string, rules: Rule[], subject: { name: string; namespace: string }): Manifest[] {
  const metadata = { name: `sallyport:${subject.namespace}:${subject.name}:${purpose}` };
  return [
    { apiVersion: `${RBAC}/v1`, kind: "ClusterRole", metadata, rules },
    binding("ClusterRoleBinding", metadata, "ClusterRole", subject),
  ];
}

function binding(kind: string, metadata: { name: string }, roleKind: string, subject: object): Manifest {
  const roleRef = { apiGroup: RBAC, kind: roleKind, name: metadata.name };
  return { apiVersion: `${RBAC}/v1`, kind, metadata, subjects: [subject], roleRef };
}

/** The entry of `connections` in sallyport.yaml. */
export function connectionStanza(wish: Wish): Manifest {
  const tokenFile = `${wish.name}.token`;
  const credential =
    wish.tokenRequest === undefined ? { tokenFile } : { tokenRequest: wish.tokenRequest, via: { tokenFile } };
  return {
    name: wish.name,
    kind: "kubernetes",
    server: wish.server,
    ...(wish.caFile === undefined ? {} : { caFile: wish.caFile }),
    credential,
    impersonate: wish.impersonate,
  };
}

/** One YAML stream for `kubectl apply -f -`; what is for sallyport.yaml and for the reader stands in comments. */
export function renderAdd(wish: Wish): string {
  const comments = [
    `What the gateway needs for connection "${wish.name}": kubectl apply -f this.`,
    "",
    ...notes(wish),
    "Then give the gateway a token of its own account; inside the cluster, use a projected token, which is rotated:",
    `  kubectl create token ${wish.serviceAccount} --namespace ${wish.namespace} > ${wish.name}.token`,
    "and add to sallyport.yaml:",
    ...stringify({ connections: [connectionStanza(wish)] })
      .trimEnd()
      .split("\n")
      .map((line) => `  ${line}`),
    `then: sallyport connection check --config sallyport.yaml ${wish.name}`,
  ];
  const head = comments.map((line) => (line === "" ? "#" : `# ${line}`)).join("\n");
  return `${head}\n${manifests(wish)
    .map((manifest) => `---\n${stringify(manifest, { lineWidth: 0 })}`)
    .join("")}`;
}

function notes(wish: Wish): string[] {
  const lines: string[] = [];
  if (wish.impersonate && wish.groups.length === 0) {
    lines.push(
      "This lets the gateway impersonate any group, system:masters too: whoever has its token owns the cluster.",
      "Name the groups that your agents have (--group, repeated), and RBAC holds it to them.",
      "",
    );
  }
  if (!wish.impersonate) {
    const account = wish.tokenRequest ?? wish;
    lines.push(
      `Nobody is impersonated: bind to service account ${account.namespace}/${account.serviceAccount} what agents may do at most.`,
      "",
    );
  }
  if (!wish.impersonate && wish.tokenRequest === undefined) {
    lines.push(
      "Agents act with the gateway's own account, which may get any Secret: what they see of it is up to policy alone.",
      "With --token-request they have an account of their own.",
      "",
    );
  }
  if (wish.tokenRequest !== undefined) {
    lines.push(
      `Keep namespace ${wish.tokenRequest.namespace} for this alone: the gateway may delete its Secrets, and a token of any`,
      "account in it could be bound to them.",
      "",
    );
  }
  return lines;
}
