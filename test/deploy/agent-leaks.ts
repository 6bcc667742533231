/** A container that leaks in one way, and what doctor must say of it. */
export interface LeakCase {
  /** Reads on: "a container with …". */
  with: string;
  env?: Record<string, string>;
  /** By absolute path in the container, or relative to where the agent works. */
  files?: Record<string, string | object>;
  /** Of files that are there; else 0644. */
  modes?: Record<string, number>;
  /** What takes connections, as host:port. */
  open?: string[];
  finds: { what: string; detail: RegExp; result?: "warn" };
}

export const SECRET = "hunter2-hunter2-hunter2";
export const HOME = "/home/agent";
/** As the downward API gives it to the pod. */
export const NODE_IP = "10.0.0.9";

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");

const jwt = (claims: object): string => `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.${SECRET}`;

const kubeconfig = (server: string, user: object = {}, cluster: object = {}): object => ({
  "current-context": "a",
  contexts: [{ name: "a", context: { cluster: "c", user: "u" } }],
  clusters: [{ name: "c", cluster: { server, ...cluster } }],
  users: [{ name: "u", user }],
});

/** `gateway` is the URL of the one that is configured. */
export function leakCases(gateway: string): LeakCase[] {
  const connection = `${gateway}/connections/prod`;
  const variable = (name: string, value: string, detail = /holds/): LeakCase => ({
    with: `${name} set`,
    env: { [name]: value },
    finds: { what: "variables", detail: new RegExp(`^${name} .*${detail.source}`) },
  });
  const login = (path: string, content: string | object = SECRET): LeakCase => ({
    with: `a login in ~/${path}`,
    files: { [`${HOME}/${path}`]: content },
    finds: { what: "stored logins", detail: new RegExp(`${escaped(path)} holds a login`) },
  });
  const open = (what: string, address: string): LeakCase => ({
    with: `a network in which ${address} takes connections`,
    open: [address],
    finds: { what, detail: new RegExp(`^${escaped(address)} takes connections`) },
  });
  return [
    {
      with: "the service account's token mounted",
      files: { "/var/run/secrets/kubernetes.io/serviceaccount/token": jwt({ sub: "x" }) },
      finds: { what: "mounted tokens", detail: /serviceaccount\/token is there/ },
    },
    {
      with: "EKS Pod Identity's token mounted",
      files: { "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount/eks-pod-identity-token": SECRET },
      finds: { what: "mounted tokens", detail: /eks-pod-identity-token is there/ },
    },
    {
      with: "a kubeconfig of another server",
      files: { [`${HOME}/.kube/config`]: kubeconfig("https://10.0.0.1:6443") },
      finds: { what: "other clusters", detail: /names https:\/\/10\.0\.0\.1:6443/ },
    },
    {
      with: "a kubeconfig whose server only begins as the gateway",
      files: { [`${HOME}/.kube/config`]: kubeconfig(connection.replace(/^https:..[^:/]+/, "$&.example.com")) },
      finds: { what: "other clusters", detail: /names https:.*example\.com/ },
    },
    ...[
      { token: SECRET },
      { "client-certificate-data": SECRET, "client-key-data": SECRET },
      { username: "u", password: SECRET },
      { exec: { command: "aws", args: ["eks", "get-token"] } },
      { "auth-provider": { name: "oidc", config: { "id-token": SECRET } } },
    ].map(
      (user): LeakCase => ({
        with: `a kubeconfig for the gateway with ${Object.keys(user)[0]} of its own`,
        files: { [`${HOME}/.kube/config`]: kubeconfig(connection, user) },
        finds: { what: "other clusters", detail: /holds a credential of its own, as user "u"/ },
      }),
    ),
    {
      with: "a kubeconfig that takes anybody for the gateway",
      files: { [`${HOME}/.kube/config`]: kubeconfig(connection, {}, { "insecure-skip-tls-verify": true }) },
      finds: { what: "other clusters", detail: /takes anybody for cluster "c"/ },
    },
    {
      with: "a second file in KUBECONFIG",
      env: { KUBECONFIG: `${HOME}/.kube/config:/etc/other` },
      files: { "/etc/other": kubeconfig("https://10.0.0.2:6443") },
      finds: { what: "other clusters", detail: /^\/etc\/other names https:\/\/10\.0\.0\.2/ },
    },
    {
      with: "the node's own kubeconfig mounted",
      files: { "/etc/kubernetes/kubelet.conf": kubeconfig("https://10.0.0.3:6443") },
      finds: { what: "other clusters", detail: /^\/etc\/kubernetes\/kubelet\.conf/ },
    },
    variable("ANTHROPIC_API_KEY", `sk-ant-${SECRET}`),
    variable("ANTHROPIC_AUTH_TOKEN", jwt({ iss: "https://another.example.com" })),
    variable("OPENAI_API_KEY", `sk-${SECRET}`),
    variable("GEMINI_API_KEY", SECRET),
    variable("CLAUDE_CODE_OAUTH_TOKEN", SECRET),
    variable("AWS_ACCESS_KEY_ID", SECRET),
    variable("AWS_SECRET_ACCESS_KEY", SECRET),
    variable("AWS_BEARER_TOKEN_BEDROCK", SECRET),
    variable("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/secrets/a"),
    variable("GOOGLE_APPLICATION_CREDENTIALS", "/key.json"),
    variable("AZURE_CLIENT_SECRET", SECRET),
    variable("CLAUDE_CODE_USE_BEDROCK", "1", /turns Claude Code/),
    variable("CLAUDE_CODE_USE_VERTEX", "true", /turns Claude Code/),
    variable("ANTHROPIC_BASE_URL", "https://api.anthropic.com", /is https:\/\/api\.anthropic\.com, which is no/),
    variable("ANTHROPIC_BASE_URL", `https://u:${SECRET}@gw.example.com/connections/a`, /is https:\/\/gw\.example\.com/),
    variable("OPENAI_BASE_URL", `${gateway}@evil.example.com/connections/gpt`, /which is no connection/),
    variable("ANTHROPIC_VERTEX_BASE_URL", "https://vertex.example.com", /which is no connection/),
    variable("SALLYPORT_ADMIN_TOKEN_FILE", "/admin.token", /approver's token/),
    variable("NODE_TLS_REJECT_UNAUTHORIZED", "0", /anybody on the way/),
    login(".claude/.credentials.json", { claudeAiOauth: { accessToken: SECRET } }),
    login(".claude.json", { primaryApiKey: SECRET }),
    login(".aws/credentials"),
    login(".codex/auth.json"),
    login(".config/gcloud/application_default_credentials.json"),
    {
      with: "Claude Code and no managed settings",
      files: { "/usr/bin/claude": "#!", "/etc/claude-code/managed-settings.json": "" },
      finds: { what: "managed settings", detail: /no managed settings that can be read/ },
    },
    {
      with: "managed settings that pin another server",
      files: {
        "/etc/claude-code/managed-settings.json": {
          env: { ANTHROPIC_BASE_URL: "https://llm.example.com" },
          allowedProviders: ["customEndpoint"],
          allowManagedHooksOnly: true,
        },
      },
      finds: { what: "managed settings", detail: /ANTHROPIC_BASE_URL is https:\/\/llm\.example\.com/ },
    },
    {
      with: "a drop-in that unpins the gateway",
      files: {
        "/etc/claude-code/managed-settings.d/10.json": { env: { ANTHROPIC_BASE_URL: "https://x.example.com" } },
      },
      finds: { what: "managed settings", detail: /ANTHROPIC_BASE_URL is https:\/\/x\.example\.com/ },
    },
    {
      with: "managed settings that leave the choice of a cloud",
      files: { "/etc/claude-code/managed-settings.d/10.json": { allowedProviders: ["customEndpoint", "bedrock"] } },
      finds: { what: "managed settings", detail: /allowedProviders/ },
    },
    {
      with: "managed settings that everybody may write",
      modes: { "/etc/claude-code/managed-settings.json": 0o666 },
      finds: { what: "managed settings", detail: /can be written by the agent/ },
    },
    {
      with: "a folder of managed settings that everybody may write",
      modes: { "/etc/claude-code": 0o777 },
      finds: { what: "managed settings", detail: /can be written by the agent/ },
    },
    {
      with: "managed settings that let a project's hooks run",
      files: { "/etc/claude-code/managed-settings.d/10.json": { allowManagedHooksOnly: false } },
      finds: { what: "managed settings", detail: /a project's own hooks/, result: "warn" },
    },
    ...[`${HOME}/.claude/settings.json`, ".claude/settings.json", ".claude/settings.local.json"].map(
      (path): LeakCase => ({
        with: `a provider's key in ${path}`,
        files: { [path]: { env: { ANTHROPIC_AUTH_TOKEN: SECRET } } },
        finds: { what: "settings files", detail: new RegExp(`${escaped(path)}: ANTHROPIC_AUTH_TOKEN holds`) },
      }),
    ),
    {
      with: "a project that turns to Bedrock",
      files: { ".claude/settings.json": { env: { CLAUDE_CODE_USE_BEDROCK: "1" } } },
      finds: { what: "settings files", detail: /CLAUDE_CODE_USE_BEDROCK turns/ },
    },
    {
      with: "Docker's socket mounted",
      files: { "/var/run/docker.sock": "" },
      finds: { what: "container runtime", detail: /docker\.sock is mounted/ },
    },
    {
      with: "containerd's socket mounted",
      files: { "/run/containerd/containerd.sock": "" },
      finds: { what: "container runtime", detail: /containerd\.sock is mounted/ },
    },
    {
      with: "DOCKER_HOST set",
      env: { DOCKER_HOST: "tcp://10.0.0.4:2375" },
      finds: { what: "container runtime", detail: /DOCKER_HOST names/ },
    },
    {
      with: "root for its user",
      files: { "/proc/self/status": "Uid:\t0\t0\t0\t0\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\n" },
      finds: { what: "privileges", detail: /runs as root/ },
    },
    {
      with: "the capabilities of a privileged one",
      files: { "/proc/self/status": "Uid:\t7\t7\t7\t7\nCapEff:\t000001ffffffffff\nNoNewPrivs:\t1\n" },
      finds: { what: "privileges", detail: /holds .*CAP_NET_ADMIN.*CAP_SYS_ADMIN/ },
    },
    {
      with: "a proxy that leads to the provider",
      env: { HTTPS_PROXY: `http://u:${SECRET}@proxy.example.com:3128` },
      open: ["proxy.example.com:3128"],
      finds: { what: "proxies", detail: /^HTTPS_PROXY: proxy\.example\.com:3128 opens api\.anthropic\.com:443/ },
    },
    {
      with: "a proxy that cannot be tried",
      env: { https_proxy: `https://u:${SECRET}@proxy.example.com` },
      finds: { what: "proxies", detail: /^https_proxy is https:\/\/proxy\.example\.com, and/, result: "warn" },
    },
    { ...open("Kubernetes API, directly", "10.96.0.1:443"), env: { KUBERNETES_SERVICE_HOST: "10.96.0.1" } },
    open("Kubernetes API, directly", "kubernetes.default.svc.cluster.local:443"),
    {
      ...open("Kubernetes API, directly", "10.0.0.1:6443"),
      files: { "/etc/kubernetes/admin.conf": kubeconfig("https://10.0.0.1:6443") },
    },
    open("model providers, directly", "api.anthropic.com:443"),
    open("model providers, directly", "api.openai.com:443"),
    open("internet, directly", "1.1.1.1:443"),
    open("internet, directly", "[2606:4700:4700::1111]:443"),
    open("cloud metadata", "169.254.169.254:80"),
    open("cloud metadata", "[fd00:ec2::254]:80"),
    { ...open("kubelet", `${NODE_IP}:10250`), env: { NODE_IP } },
    {
      with: "nothing that says where its node is",
      env: { NODE_IP: "" },
      finds: { what: "kubelet", detail: /none was tried/, result: "warn" },
    },
    {
      ...open("kubelet", "10.244.1.1:10250"),
      env: { NODE_IP: "" },
      files: {
        "/proc/net/route": "Iface\tDestination\tGateway\neth0\t00000000\t0101F40A\n",
      },
    },
  ];
}

/** The files of a container in which nothing leaks. */
export function cleanFiles(gateway: string): Record<string, string | object> {
  return {
    "/usr/bin/claude": "#!",
    "/proc/self/status":
      "Uid:\t65532\t65532\t65532\t65532\nGid:\t65532\t65532\t65532\t65532\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\n",
    [`${HOME}/.kube/config`]: kubeconfig(`${gateway}/connections/prod`, {
      exec: { command: "/usr/bin/node", args: ["/opt/sallyport/cli/main.js", "credential", "--server", gateway] },
    }),
  };
}
