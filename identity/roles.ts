import type { GatewayConfig } from "../base/config/gateway.ts";

/** The gateway's roles of an identity (`roles` in the configuration), by its prefixed names. */
export function rolesOf(config: Pick<GatewayConfig, "roles">, who: { username: string; groups: string[] }): string[] {
  const principals = new Set([`user:${who.username}`, ...who.groups.map((group) => `group:${group}`)]);
  return Object.entries(config.roles).flatMap(([role, list]) => (list.some((p) => principals.has(p)) ? [role] : []));
}
