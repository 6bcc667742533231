import type { Caller } from "./accounts.ts";
import type { Shapes } from "./shapes.ts";
import { Fault, type State, type User } from "./state.ts";

/** What an endpoint sees of a request. */
export interface Context {
  state: State;
  shapes: Shapes;
  caller: Caller;
  user: User;
  /** Of the path, percent-decoded. */
  params: Record<string, string>;
  query: URLSearchParams;
  body: Record<string, unknown>;
  accept: string;
}
export interface Answer {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
  /** In place of `body`: sent as it is, with a content type of its own in `headers`. */
  raw?: Buffer;
}
export type Endpoint = (context: Context) => Promise<Answer> | Answer;
/** `GET /repos/:owner/:repo/pulls/:number`; `*rest` takes slashes as well. */
export type Routes = Record<string, Endpoint>;

export const ok = (body: unknown): Answer => ({ status: 200, body });
export const created = (body: unknown): Answer => ({ status: 201, body });

export interface Route {
  method: string;
  /** As `@octokit/openapi` names it, of what the test of shapes looks up. */
  pattern: string;
  matches: RegExp;
  names: string[];
  endpoint: Endpoint;
}

export function compile(...tables: Routes[]): Route[] {
  return tables.flatMap((table) =>
    Object.entries(table).map(([key, endpoint]) => {
      const [method = "", pattern = ""] = key.split(" ");
      const names = [...pattern.matchAll(/[:*](\w+)/g)].map(([, name]) => name ?? "");
      const source = pattern
        .replace(/[.+?^$()[\]\\|]/g, "\\$&")
        .replace(/:\w+/g, "([^/]+)")
        .replace(/\*\w+/g, "(.+)");
      return {
        method,
        pattern: pattern.replace(/[:*](\w+)/g, "{$1}"),
        matches: new RegExp(`^${source}$`),
        names,
        endpoint,
      };
    }),
  );
}

export function find(
  routes: readonly Route[],
  method: string,
  path: string,
): { route: Route; params: Record<string, string> } | undefined {
  for (const route of routes) {
    if (route.method !== method) continue;
    const match = route.matches.exec(path);
    if (match === null) continue;
    return {
      route,
      params: Object.fromEntries(route.names.map((name, i) => [name, decodeURIComponent(match[i + 1] ?? "")])),
    };
  }
  return undefined;
}

/** A page of a list, its links in `link`: GitHub names the repository in them by its number. */
export function page<T>(
  { query, shapes, params }: Context,
  items: readonly T[],
  path: string,
): { items: T[]; headers: Record<string, string> } {
  const size = Math.min(100, Math.max(1, Number(query.get("per_page") ?? 30) || 30));
  const at = Math.max(1, Number(query.get("page") ?? 1) || 1);
  const last = Math.max(1, Math.ceil(items.length / size));
  const link = (number: number, rel: string) => {
    const asked = new URLSearchParams(query);
    asked.set("page", String(number));
    const base = params.owner === undefined ? shapes.api : `${shapes.api}/repositories/1`;
    return `<${base}${path}?${asked}>; rel="${rel}"`;
  };
  const links = [
    ...(at > 1 ? [link(at - 1, "prev")] : []),
    ...(at < last ? [link(at + 1, "next"), link(last, "last")] : []),
    ...(at > 1 ? [link(1, "first")] : []),
  ];
  return {
    items: items.slice((at - 1) * size, at * size),
    headers: links.length > 0 ? { link: links.join(", ") } : {},
  };
}

export function needs({ caller }: Context, permission: string): void {
  if (caller.permissions[permission] === undefined) {
    throw new Fault(403, "Resource not accessible by integration");
  }
}

/** A field of the body that must be text. */
export function text(body: Record<string, unknown>, key: string): string {
  const value = body[key];
  if (typeof value !== "string") throw new Fault(422, `Invalid request.\n\n"${key}" wasn't supplied.`);
  return value;
}
export function maybeText(body: Record<string, unknown>, key: string): string | undefined {
  return typeof body[key] === "string" ? (body[key] as string) : undefined;
}
