import { labelledAs, type Resource, type Row, type WriteCell } from "../cell.ts";
import {
  CONFIG_MAP,
  deletionOf,
  deletionOfAll,
  field,
  objectOf,
  SECRET,
  SERVICE_ACCOUNT,
  within,
} from "../resources.ts";
import { CONTAINER, CONTAINER_LISTS, inTemplate, PERSISTENCE, SIDE, TEMPLATE_KINDS } from "../templates.ts";

const secret = objectOf(SECRET, { type: "Opaque", data: { password: "aHVudGVyMg==" } }, "db");
const helm = objectOf(
  SECRET,
  { type: "helm.sh/release.v1", data: { release: "SDRzSUFBQUE=" } },
  "sh.helm.release.v1.web.v1",
);
const settings = objectOf(CONFIG_MAP, { data: { colour: "blue" } }, "db");

const write = (what: string, object: typeof secret): WriteCell => ({
  kind: "write",
  what,
  bad: { of: SECRET, object: labelledAs(object), old: object },
  ok: { of: CONFIG_MAP, object: labelledAs(settings), old: settings },
});
const read = (what: string, of: Resource, ok: Resource, name?: string): Row["cells"][number] => ({
  kind: "read",
  what,
  of,
  ok,
  ...(name === undefined ? {} : { name }),
});

export const secretsList: Row = {
  name: "Secrets: list, watch",
  effect: "deny",
  rule: /^secrets\/list$/,
  cells: [
    read("the Secrets of a namespace", SECRET, CONFIG_MAP),
    read("the Secrets of kube-system", within(SECRET, "kube-system"), within(CONFIG_MAP, "kube-system")),
  ],
};

export const secretsRead: Row = {
  name: "Secrets: get",
  effect: "mask",
  rule: /^secrets\/read$/,
  cells: [
    read("a Secret", SECRET, CONFIG_MAP, "db"),
    read("a Helm release", SECRET, CONFIG_MAP, "sh.helm.release.v1.web.v1"),
  ],
};

export const secretsWrite: Row = {
  name: "Secrets: write",
  effect: "hold",
  rule: /^secrets\/write$/,
  cells: [
    write("a Secret", secret),
    write("a Helm release", helm),
    deletionOf(SECRET, { name: "db", fields: { type: "Opaque", data: {} } }),
    deletionOfAll(SECRET),
  ],
};

const volume = (source: object): object => ({ name: "v", ...source });
const EMPTY = volume({ emptyDir: {} });
const VOLUMES: Record<string, { bad: object; ok: object }> = {
  "a secret volume": { bad: { secret: { secretName: "db" } }, ok: { configMap: { name: "db" } } },
  "a projected secret": {
    bad: { projected: { sources: [{ configMap: { name: "a" } }, { secret: { name: "db" } }] } },
    ok: { projected: { sources: [{ configMap: { name: "a" } }, { configMap: { name: "db" } }] } },
  },
  "a projected token of the service account": {
    bad: {
      projected: { sources: [{ configMap: { name: "a" } }, { serviceAccountToken: { path: "t", audience: "b" } }] },
    },
    ok: { projected: { sources: [{ configMap: { name: "a" } }, { configMap: { name: "t" } }] } },
  },
  "a CSI secret store": {
    bad: { csi: { driver: "secrets-store.csi.k8s.io", volumeAttributes: { secretProviderClass: "vault" } } },
    ok: { csi: { driver: "inline.storage.example.com", volumeAttributes: { size: "1Gi" } } },
  },
  "a CSI volume's secret": {
    bad: { csi: { driver: "inline.storage.example.com", nodePublishSecretRef: { name: "db" } } },
    ok: { csi: { driver: "inline.storage.example.com" } },
  },
};
const ENVIRONMENT: Record<string, { at: string; bad: object; ok: object }> = {
  "env from a Secret": {
    at: "env",
    bad: { name: "PASSWORD", valueFrom: { secretKeyRef: { name: "db", key: "password" } } },
    ok: { name: "PASSWORD", valueFrom: { configMapKeyRef: { name: "db", key: "password" } } },
  },
  "envFrom a Secret": {
    at: "envFrom",
    bad: { secretRef: { name: "db" } },
    ok: { configMapRef: { name: "db" } },
  },
};

export const consumingSecrets: Row = {
  name: "Consuming Secrets",
  effect: "hold",
  rule: /^secrets\/(consume|project-token)$/,
  cells: TEMPLATE_KINDS.flatMap((kind) => {
    const { of, object } = kind;
    const more = { also: PERSISTENCE, statusIgnored: true } as const;
    return [
      ...Object.entries(VOLUMES).map(([what, { bad, ok }]) =>
        field(
          `${what} in ${of.plural}`,
          of,
          object,
          inTemplate(kind, "spec.volumes"),
          {
            bad: [EMPTY, { ...volume(bad), name: "w" }],
            ok: [EMPTY, { ...volume(ok), name: "w" }],
          },
          more,
        ),
      ),
      field(
        `imagePullSecrets in ${of.plural}`,
        of,
        object,
        inTemplate(kind, "spec.imagePullSecrets"),
        {
          bad: [{ name: "registry" }],
          ok: [],
        },
        more,
      ),
      ...CONTAINER_LISTS.flatMap((list) =>
        Object.entries(ENVIRONMENT).map(([what, { at, bad, ok }]) => {
          const containers = (value: object): object[] => [
            ...(list === "containers" ? [CONTAINER] : []),
            { ...SIDE, [at]: [value] },
          ];
          return field(
            `${what} in ${list} of ${of.plural}`,
            of,
            object,
            inTemplate(kind, `spec.${list}`),
            {
              bad: containers(bad),
              ok: containers(ok),
            },
            more,
          );
        }),
      ),
    ];
  }),
};

const TOKEN = "kubernetes.io/service-account-token";
const tokenSecret = objectOf(
  SECRET,
  { metadata: { annotations: { "kubernetes.io/service-account.name": "robot" } } },
  "robot-token",
);

export const serviceAccountTokens: Row = {
  name: "ServiceAccount tokens",
  effect: "deny",
  rule: /^identity\//,
  cells: [
    {
      kind: "raw",
      what: "a token of a service account",
      bad: {
        method: "POST",
        path: "/api/v1/namespaces/shop/serviceaccounts/robot/token",
        body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: { audiences: [] } },
      },
      ok: {
        method: "POST",
        path: "/api/v1/namespaces/shop/serviceaccounts",
        body: objectOf(SERVICE_ACCOUNT, {}, "robot"),
        old: null,
      },
    },
    {
      ...field("a Secret that is filled with a token", SECRET, tokenSecret, "type", { bad: TOKEN, ok: "Opaque" }),
      // Any write of a Secret is held, and so is one of a token that is there.
      also: /^secrets\/write$/,
    },
  ],
};
