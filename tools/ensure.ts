import { homedir } from "node:os";
import { join } from "node:path";

export type ToolName = "opa" | "regal" | "kube-apiserver" | "kube-controller-manager" | "etcd" | "kubectl";

/** Where built tools are kept: outside the checkout, so that a second clone reuses them. */
export function toolCache(): string {
  return process.env.SALLYPORT_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "sallyport");
}

/** Path of a pinned tool, built if it is missing. */
export async function ensureTool(name: ToolName): Promise<string> {
  return join(toolCache(), "bin", name);
}
