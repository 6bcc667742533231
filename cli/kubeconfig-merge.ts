import { type Document, isMap, isSeq, parseDocument, YAMLMap, YAMLSeq } from "yaml";
import { UserError } from "../base/errors.ts";
import type { KubeconfigEntries } from "./kubeconfig.ts";

/**
 * The text of a kubeconfig with our cluster, user and context in it. Everything else stays as it stands,
 * comments and order too; the current context is set only where there was none. `path` is for messages.
 */
export function mergeKubeconfig(text: string, entries: KubeconfigEntries, path: string): string {
  const document = parseDocument(text);
  const [mistake] = document.errors;
  if (mistake !== undefined) throw broken(path, `is not YAML: ${mistake.message.split("\n")[0]}`);
  if (document.contents === null) document.contents = document.createNode({}) as never;
  if (!isMap(document.contents)) throw broken(path, "is not a kubeconfig");
  if (!document.has("apiVersion")) document.set("apiVersion", "v1");
  if (!document.has("kind")) document.set("kind", "Config");
  const { name, cluster, user } = entries;
  put(document, path, "clusters", { name, cluster });
  put(document, path, "users", { name, user });
  put(document, path, "contexts", { name, context: { cluster: name, user: name } });
  if (!document.get("current-context")) document.set("current-context", name);
  return document.toString({ lineWidth: 0 });
}

function put(document: Document, path: string, list: string, entry: { name: string; [key: string]: unknown }): void {
  let items = document.get(list, true);
  // `kubectl config` writes null for a list that it emptied.
  if (document.get(list) === undefined) {
    items = new YAMLSeq(document.schema);
    document.set(list, items);
  }
  if (!isSeq(items)) throw broken(path, `has ${list} that are not a list`);
  const node = document.createNode(entry);
  const at = items.items.findIndex((item) => item instanceof YAMLMap && item.get("name") === entry.name);
  if (at === -1) items.add(node);
  else items.items[at] = node;
  if (items.flow === true && items.items.length === 1) items.flow = false;
}

function broken(path: string, what: string): UserError {
  return new UserError(`${path} ${what}`, {
    exitCode: 2,
    next: "Nothing was changed. Repair the file, or set KUBECONFIG.",
  });
}
