import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Tables with a column `tenant`: a reader sees the rows of one tenant. A test compares it with the schema. */
export const TENANT_TABLES = ["events", "bodies"] as const;

/** The roles of an embedded store's one user. */
export const ROLES = { writer: "writer", reader: "reader" } as const;

const xml = (text: string): string => text.replace(/[<>&'"]/g, (char) => `&#${char.charCodeAt(0)};`);

/** As SQL's own literal, inside XML. */
const literal = (text: string): string => xml(`'${text.replace(/[\\']/g, "\\$&")}'`);

/**
 * Writes ClickHouse's configuration of who may do what in an embedded store, and returns its path. chDB has one user,
 * so the gateway and people's questions are two roles of it: `reader` may select, and sees by a row policy the rows of
 * one tenant, which no setting of a query takes away (`additional_table_filters` would go: a subquery may set its own,
 * readonly or not [26.7]). No tenant: no rows.
 */
export function writeAccess(folder: string, tenant: string): string {
  const own = join(folder, "access");
  mkdirSync(own, { recursive: true, mode: 0o700 });
  const users = join(own, "users.xml");
  const config = join(own, "config.xml");
  replaceFile(users, usersXml(tenant));
  replaceFile(config, `<clickhouse><users_config>${xml(users)}</users_config></clickhouse>\n`);
  return config;
}

function usersXml(tenant: string): string {
  const filter = `has(enabledRoles(), '${ROLES.writer}') OR tenant = ${literal(tenant)}`;
  const tables = TENANT_TABLES.map((table) => `<${table}><filter>${filter}</filter></${table}>`).join("");
  return `<clickhouse>
<profiles><default/></profiles><quotas><default/></quotas>
<roles>
<${ROLES.writer}><grants><query>GRANT ALL ON *.* WITH GRANT OPTION</query></grants></${ROLES.writer}>
<${ROLES.reader}><grants><query>GRANT SHOW, SELECT ON sallyport.*</query></grants></${ROLES.reader}>
</roles>
<users><default>
<password></password><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>
<grants><query>GRANT ${ROLES.writer}</query><query>GRANT ${ROLES.reader}</query></grants>
<databases><sallyport>${tables}</sallyport></databases>
</default></users>
</clickhouse>
`;
}

function replaceFile(path: string, text: string): void {
  const fresh = `${path}.${process.pid}`;
  writeFileSync(fresh, text, { mode: 0o600 });
  renameSync(fresh, path);
}
