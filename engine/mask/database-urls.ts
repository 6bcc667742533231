import { PLACEHOLDER } from "./placeholder.ts";

/** Databases, caches, queues and directories whose clients take a URL with a password in it. */
const SCHEMES = new Set([
  ...[
    "postgres",
    "postgresql",
    "mysql",
    "mysql2",
    "mysqlx",
    "mariadb",
    "mongodb",
    "redis",
    "rediss",
    "valkey",
    "valkeys",
  ],
  ...["amqp", "amqps", "mssql", "sqlserver", "clickhouse", "clickhouses", "cockroach", "cockroachdb", "cassandra"],
  ...["couchbase", "couchbases", "couchdb", "neo4j", "bolt", "nats", "influxdb", "snowflake", "oracle", "redshift"],
  ...["trino", "presto", "db2", "firebird", "tidb", "ldap", "ldaps", "kafka", "memcached"],
]);
/** With the driver that some clients write behind it: `postgresql+asyncpg`, `mongodb+srv`. */
const SCHEME = /([a-z][a-z0-9]{1,15})(?:\+[a-z0-9_.]{1,30})?$/i;
const LONGEST = 2_048;
const URL_REST = /^[^\s"'`<>\\]+/;
/** Where a slash may be written in escapes. */
const MARKS = /:(?:\/\/|\\\/\\\/)/g;
const QUERY_PASSWORD = /[?&;](?:password|passwd|pwd|pass)=([^\s&;"'`<>\\]{1,1024})/gi;
/** JDBC's drivers have forms of their own behind the scheme: `jdbc:sqlserver://h;password=…`, `jdbc:oracle:thin:u/p@h`. */
const ORACLE = /jdbc:oracle:\w{1,10}:[^\s:@/"'`]{1,128}\/([^\s@"'`]{1,1024})@/gi;

/** What stands for a password in documents and templates: a variable, or nothing at all. */
const TEMPLATE =
  /^(?:\$\{[^}]*\}|\$\([^)]*\)|\$[A-Z_][A-Z0-9_]*|%\w+%|%[sv]|\{\{?[^{}]*\}?\}|\[[\w -]*\]|\*+|\.{3}|x{3,})$/i;

interface Match {
  start: number;
  end: number;
}

/** The passwords in URLs of databases, and not what tells which database it is. Linear in the text; none goes over a NUL. */
export function databasePasswords(text: string): Match[] {
  const found: Match[] = [];
  const marks = [...text.matchAll(MARKS)];
  for (const [i, mark] of marks.entries()) {
    const scheme = SCHEME.exec(text.slice(Math.max(0, mark.index - 48), mark.index))?.[1];
    if (scheme === undefined || !SCHEMES.has(scheme.toLowerCase())) continue;
    const from = mark.index + mark[0].length;
    // A URL ends before the next one: of many that follow each other none is read twice.
    const to = Math.min(from + LONGEST, marks[i + 1]?.index ?? text.length);
    const rest = URL_REST.exec(text.slice(from, to).split("\0", 1)[0] ?? "")?.[0] ?? "";
    found.push(...inAuthority(rest, from), ...inQuery(rest, from));
  }
  for (const match of text.matchAll(ORACLE)) {
    const password = match[1] ?? "";
    const end = match.index + match[0].length - 1;
    found.push({ start: end - password.length, end });
  }
  return found.filter(({ start, end }) => isPassword(text.slice(start, end)));
}

/** RFC 3986 §3.2: user, password and host end before a slash; passwords that hold one unescaped are found up to the last @. */
function inAuthority(rest: string, from: number): Match[] {
  const colon = rest.indexOf(":");
  const slash = rest.search(/[/?#]/);
  const authority = slash < 0 ? rest : rest.slice(0, slash);
  let at = authority.lastIndexOf("@");
  // `p/w@host`, which a strict reader takes for a port: people write it, and most clients read it.
  if (at < 0 && colon >= 0 && !/^\d*(?:[/?#,]|$)/.test(rest.slice(colon + 1))) at = rest.indexOf("@");
  if (colon < 0 || at <= colon + 1) return [];
  return [{ start: from + colon + 1, end: from + at }];
}

function inQuery(rest: string, from: number): Match[] {
  return [...rest.matchAll(QUERY_PASSWORD)].map((match) => {
    const password = match[1] ?? "";
    const end = from + match.index + match[0].length;
    return { start: end - password.length, end };
  });
}

function isPassword(text: string): boolean {
  return (
    text !== "" &&
    !TEMPLATE.test(text) &&
    !PLACEHOLDER.repeat(Math.ceil(text.length / PLACEHOLDER.length)).startsWith(text)
  );
}
