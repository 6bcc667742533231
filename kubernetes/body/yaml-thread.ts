import { parentPort } from "node:worker_threads";
import { Refusal } from "../../base/errors.ts";
import { malformed } from "./json.ts";
import { jsonForYaml, parseYaml } from "./yaml.ts";
import type { FromThread, ToThread } from "./yaml-worker.ts";

function read({ id, text, costLimit }: ToThread): FromThread {
  try {
    const value = parseYaml(text, costLimit);
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw malformed("a Kubernetes object is a mapping");
    }
    return { id, json: jsonForYaml(value) };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { code, message, details } = error;
    return { id, refusal: { code, message, next: details.next ?? "" } };
  }
}

parentPort?.on("message", (asked: ToThread) => parentPort?.postMessage(read(asked)));
