import { type Context, loadContext } from "../context.ts";
import { type Check, failure } from "./check.ts";
import { checkGateway } from "./gateway.ts";
import { checkKubeconfig } from "./kubeconfigs.ts";
import { examineLeaks } from "./leaks.ts";
import { type SceneOptions, thisScene } from "./scene.ts";
import { checkSession, checkTokenFile } from "./tokens.ts";

/** Type stripping without a flag, and `RegExp.escape`, came with it. */
const NODE_MAJOR = 24;

/** The way to the gateway, in the order in which the next stands on the former, and then the ways round it. Never throws for what it finds. */
export async function examine(env: NodeJS.ProcessEnv, options: SceneOptions = {}): Promise<Check[]> {
  const checks = [checkNode(process.versions.node)];
  let context: Context | undefined;
  try {
    context = loadContext(env);
    checks.push({ result: "ok", what: "configuration", detail: `gateway ${context.url}` });
  } catch (error) {
    checks.push(failure("configuration", error));
  }
  const scene = thisScene(env, context?.url, options);
  const leaks = examineLeaks(scene);
  if (context !== undefined) {
    const gateway = await checkGateway(context);
    checks.push(...gateway);
    if (context.idTokenFile !== undefined) checks.push(checkTokenFile(context.idTokenFile, Date.now()));
    if (gateway[0]?.result === "ok") checks.push(await checkSession(context, env));
    checks.push(checkKubeconfig(context, scene));
  }
  return [...checks, ...(await leaks)];
}

export function checkNode(version: string): Check {
  const major = Number(version.split(".")[0]);
  if (major >= NODE_MAJOR) return { result: "ok", what: "node", detail: version };
  return { result: "failed", what: "node", detail: version, next: `Use Node ${NODE_MAJOR} or newer.` };
}
