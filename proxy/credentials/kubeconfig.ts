import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { z } from "zod";
import { ConfigError, type ConfigIssue, didYouMean } from "../../base/config/issues.ts";
import { readYaml } from "../../base/config/read.ts";
import type { UpstreamTls } from "./credential.ts";

/** What of k8s.io/client-go/tools/clientcmd/api/v1 is used; the rest is let by, or refused below by name. */
const kubeconfigSchema = z.looseObject({
  "current-context": z.string().optional(),
  contexts: z
    .array(z.looseObject({ name: z.string(), context: z.looseObject({ cluster: z.string(), user: z.string() }) }))
    .default([]),
  clusters: z
    .array(
      z.looseObject({
        name: z.string(),
        cluster: z.looseObject({
          server: z.url({ protocol: /^https$/, error: "must be an https URL" }),
          "certificate-authority": z.string().optional(),
          "certificate-authority-data": z.base64().optional(),
          "insecure-skip-tls-verify": z.boolean().optional(),
          "tls-server-name": z.string().optional(),
        }),
      }),
    )
    .default([]),
  users: z
    .array(
      z.looseObject({
        name: z.string(),
        user: z
          .looseObject({
            token: z.string().optional(),
            tokenFile: z.string().optional(),
            "client-certificate": z.string().optional(),
            "client-certificate-data": z.base64().optional(),
            "client-key": z.string().optional(),
            "client-key-data": z.base64().optional(),
          })
          .nullable(),
      }),
    )
    .default([]),
});

/** Ways of a kubeconfig that the gateway does not take, and why. */
const REFUSED_USER: Record<string, string> = {
  exec: "exec plugins are not run by the gateway; give it a token, a tokenFile or a client certificate",
  "auth-provider": "auth providers were removed from Kubernetes; give a token, a tokenFile or a client certificate",
  username: "basic authentication was removed from Kubernetes; give a token, a tokenFile or a client certificate",
  as: "the gateway sets impersonation itself; remove it",
  "as-groups": "the gateway sets impersonation itself; remove it",
  "as-uid": "the gateway sets impersonation itself; remove it",
  "as-user-extra": "the gateway sets impersonation itself; remove it",
};
const REFUSED_CLUSTER: Record<string, string> = {
  "insecure-skip-tls-verify": "is refused: whoever answers would get the gateway's credential",
  "proxy-url": "is not supported",
};

export interface KubeconfigCredential {
  context: string;
  server: string;
  tls: UpstreamTls;
  token?: string;
  /** Absolute. */
  tokenFile?: string;
}

/** One context of a kubeconfig (its current one where none is named). `at` is where the configuration names the file. */
export function readKubeconfig(file: string, contextName: string | undefined, at: string): KubeconfigCredential {
  const config = readYaml(file, kubeconfigSchema);
  const issues: ConfigIssue[] = [];
  const fail = (path: string, message: string): never => {
    throw new ConfigError(file, [{ path, message: `${message} (named by ${at})` }]);
  };
  const wanted = contextName ?? config["current-context"] ?? "";
  if (wanted === "") return fail("current-context", "is not set, and no context is named");
  const names = config.contexts.map((entry) => entry.name);
  const context = config.contexts.find((entry) => entry.name === wanted)?.context;
  if (context === undefined) return fail("contexts", `has no "${wanted}"; ${didYouMean(wanted, names)}`);
  const c = config.clusters.findIndex((entry) => entry.name === context.cluster);
  const u = config.users.findIndex((entry) => entry.name === context.user);
  const cluster = config.clusters[c]?.cluster;
  const user = config.users[u]?.user;
  if (cluster === undefined) return fail("clusters", `has no "${context.cluster}", which context "${wanted}" names`);
  if (user === undefined || user === null)
    return fail("users", `has no "${context.user}", which context "${wanted}" names`);

  for (const [key, why] of Object.entries(REFUSED_CLUSTER)) {
    if (cluster[key]) issues.push({ path: `clusters[${c}].cluster.${key}`, message: why });
  }
  for (const [key, why] of Object.entries(REFUSED_USER)) {
    if (user[key] !== undefined) issues.push({ path: `users[${u}].user.${key}`, message: why });
  }
  const read = (path: string, inline: string | undefined, named: string | undefined): string | undefined => {
    // client-go: data overrides the file.
    if (inline !== undefined) return Buffer.from(inline, "base64").toString("utf8");
    if (named === undefined) return undefined;
    try {
      return readFileSync(resolve(dirname(file), named), "utf8");
    } catch (error) {
      issues.push({ path, message: `${named} cannot be read (${(error as NodeJS.ErrnoException).code})` });
      return undefined;
    }
  };
  const clusterPath = `clusters[${c}].cluster`;
  const userPath = `users[${u}].user`;
  const ca = read(
    `${clusterPath}.certificate-authority`,
    cluster["certificate-authority-data"],
    cluster["certificate-authority"],
  );
  const cert = read(`${userPath}.client-certificate`, user["client-certificate-data"], user["client-certificate"]);
  const key = read(`${userPath}.client-key`, user["client-key-data"], user["client-key"]);
  if (issues.length === 0) {
    if ((cert === undefined) !== (key === undefined)) {
      issues.push({ path: userPath, message: "client-certificate and client-key come together or not at all" });
    } else if (cert === undefined && user.token === undefined && user.tokenFile === undefined) {
      issues.push({ path: userPath, message: "has no token, tokenFile or client certificate" });
    }
  }
  if (issues.length > 0) throw new ConfigError(file, issues);
  // client-go: a tokenFile wins over a token.
  const tokenFile = user.tokenFile === undefined ? undefined : resolve(dirname(file), user.tokenFile);
  return {
    context: wanted,
    server: cluster.server,
    tls: { ca, cert, key, servername: cluster["tls-server-name"] },
    token: tokenFile === undefined ? user.token : undefined,
    tokenFile,
  };
}
