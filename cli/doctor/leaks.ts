import type { Check } from "./check.ts";
import { managedSettings, ownSettings, whatIsManaged } from "./claude-code.ts";
import { mountedTokens, runtimeSockets, storedLogins } from "./files.ts";
import { besideTheGateway } from "./kubeconfigs.ts";
import { privileges } from "./privileges.ts";
import { proxies, REACHABLE, reachable } from "./reach.ts";
import { looksContained, type Scene } from "./scene.ts";
import { variableFindings } from "./variables.ts";

/** A way round the gateway. `detail` names it, and never holds a secret. */
export interface Finding {
  detail: string;
  next: string;
  /** A leak fails, unless it is said here that it does not. */
  result?: "warn";
}

interface Leak {
  what: string;
  /** What is said where there is none. */
  clear: string | ((scene: Scene) => string);
  look(scene: Scene): Finding[] | Promise<Finding[]>;
}

/** One kind of leak a row, each with checks of its own. */
export const LEAKS: readonly Leak[] = [
  { what: "mounted tokens", clear: "no token of the cluster or a cloud", look: mountedTokens },
  { what: "other clusters", clear: "no kubeconfig leads elsewhere, or holds a credential", look: otherClusters },
  {
    what: "variables",
    clear: "no provider's key, and no URL but the gateway's",
    look: (scene) => variableFindings(scene, scene.env),
  },
  { what: "stored logins", clear: "none of a provider or a cloud", look: storedLogins },
  { what: "managed settings", clear: whatIsManaged, look: managedSettings },
  { what: "settings files", clear: "none leads past the gateway", look: ownSettings },
  { what: "container runtime", clear: "no socket of one", look: runtimeSockets },
  { what: "privileges", clear: "no root, and no capability that leads out", look: privileges },
  { what: "proxies", clear: "none that leads elsewhere", look: proxies },
  ...REACHABLE.map(({ what, targets, next }) => ({
    what,
    clear: "no connection comes about",
    look: (scene: Scene) => reachable(scene, targets(scene), next),
  })),
];

function otherClusters(scene: Scene): Finding[] {
  return besideTheGateway(scene).flatMap(({ path, servers, credentials, unverified }) => [
    ...servers.map((server) => ({
      detail: `${path} names ${server}`,
      next: "Leave only the gateway's context in it.",
    })),
    ...credentials.map((user) => ({
      detail: `${path} holds a credential of its own, as user ${JSON.stringify(user)}`,
      next: "Remove the user: `sallyport kubeconfig` writes one that asks for a session token.",
    })),
    ...unverified.map((cluster) => ({
      detail: `${path} takes anybody for cluster ${JSON.stringify(cluster)} (insecure-skip-tls-verify)`,
      next: "Name the authority in certificate-authority-data.",
    })),
  ]);
}

/**
 * All kinds at once, in the order of the table. In a container a leak is a failure, and what is clear is said; elsewhere
 * leaks are warnings, and nothing is tried over the network.
 */
export async function examineLeaks(scene: Scene): Promise<Check[]> {
  const looked = await Promise.all(LEAKS.map(async (leak) => ({ leak, findings: await lookAt(leak, scene) })));
  const checks = looked.flatMap(({ leak: { what, clear }, findings }): Check[] => {
    if (findings.length === 0)
      return scene.contained ? [{ result: "ok", what, detail: typeof clear === "string" ? clear : clear(scene) }] : [];
    return findings.map(({ detail, next, result }) => {
      return { result: result ?? (scene.contained ? "failed" : "warn"), what, detail, next };
    });
  });
  if (scene.contained || !looksContained(scene)) return checks;
  const next = "In an agent's container run `sallyport doctor --contained`: leaks fail, and the network is tried.";
  return [
    ...checks,
    { result: "warn", what: "container", detail: "this looks like one, and was looked at as a workstation", next },
  ];
}

/** What could not be looked at may leak. The message of what went wrong may hold a piece of a file: only its kind is said. */
async function lookAt(leak: Leak, scene: Scene): Promise<Finding[]> {
  try {
    return await leak.look(scene);
  } catch (error) {
    const { code, name } = error as NodeJS.ErrnoException;
    return [{ detail: `could not be looked at (${code ?? name})`, next: "Look at it by hand." }];
  }
}
