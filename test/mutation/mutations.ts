/** A change of the code that a test must see: `find` stands once in `file`, and becomes `replace`. */
export interface Mutation {
  /** The rows of the pitfalls that it belongs to, as the titles of their tests name them. */
  ids: string[];
  /** What the changed code does wrong, in words. */
  change: string;
  file: string;
  find: string;
  replace: string;
  /** The test that turns red; `title` is part of its title. */
  test: { file: string; title: string };
}

/**
 * Each way that a gateway in front of Kubernetes has failed, put back into this one. A test that stays green with
 * its row here would not have found the failure.
 */
export const mutations: Mutation[] = [
  {
    ids: ["CVE-2020-8559", "CVE-2018-1002102", "CVE-2022-3172"],
    change: "a redirect is followed",
    file: "proxy/steps/forward.ts",
    find: "  if (response.status === 401) await refuseUnauthorized(exchange, response, deps);",
    replace: `  const { location } = response.headers;
  if (response.status >= 300 && response.status < 400 && location !== undefined) {
    response = await send(connection.pool, {
      method: "GET",
      target: new URL(location).pathname,
      headers: [],
      body: null,
      signal: exchange.signal,
    });
  }
  if (response.status === 401) await refuseUnauthorized(exchange, response, deps);`,
    test: { file: "test/gateway/upstream-failures.test.ts", title: "is passed back, and never followed" },
  },
  {
    ids: ["CVE-2021-31999", "CVE-2022-23652"],
    change: "what the client's Connection header names is taken out of what goes upstream",
    file: "proxy/headers.ts",
    find: '  if (options.authorization !== undefined) headers.push("authorization", options.authorization);',
    replace: `  if (options.authorization !== undefined && !/authorization/i.test(client.connection ?? ""))
    headers.push("authorization", options.authorization);`,
    test: { file: "test/gateway/headers.test.ts", title: "no header of ours is stripped" },
  },
  {
    ids: ["OCM cluster-proxy 329", "Infisical cli 186"],
    change: "only Impersonate-User is refused, and uid, groups and extra are forgotten",
    file: "proxy/listener/door.ts",
    find: 'name.startsWith("impersonate-")',
    replace: 'name === "impersonate-user"',
    test: { file: "test/gateway/door.test.ts", title: "is refused as a Status" },
  },
  {
    ids: ["Pomerium reproxy"],
    change: "groups are split on commas",
    file: "proxy/credentials/impersonation.ts",
    find: "  for (const group of identity.groups) {",
    replace: '  for (const group of identity.groups.join(",").split(",")) {',
    test: { file: "test/pitfalls/groups.test.ts", title: "Pomerium reproxy" },
  },
  {
    ids: ["CVE-2023-48312"],
    change: "a missing or malformed token goes on as nobody",
    file: "proxy/steps/identify.ts",
    find: '  const authenticated = deps.authenticator.authenticate(bearerToken(exchange.req), "data");',
    replace: `  const nobody = { issuer: "dev", username: "dev:nobody", uid: "", groups: [], roles: [], extra: {}, expiresAt: Infinity };
  let authenticated: Authenticated | Promise<Authenticated>;
  try {
    authenticated = deps.authenticator.authenticate(bearerToken(exchange.req), "data");
  } catch {
    const owner = { issuer: "dev", username: "dev:nobody" };
    const session = { id: "x", startedAt: 0, agent: "", reason: "", owner, limitAt: Infinity };
    authenticated = { identity: nobody, session } as unknown as Authenticated;
  }`,
    test: { file: "test/gateway/tokens.test.ts", title: "CVE-2023-48312" },
  },
  {
    ids: ["kubernetes PR 136550"],
    change: "the rule on the way to the kubelet sees a POST and forgets that a GET is enough",
    file: "rego/nodes/proxy/proxy.rego",
    find: "      subresources: [proxy]",
    replace: "      subresources: [proxy]\n#       verbs: [create]",
    test: { file: "test/pitfalls/proxy.test.ts", title: "kubernetes PR 136550: GET /api/v1/nodes/n1/proxy/run" },
  },
  {
    ids: ["path differential"],
    change: "an encoded slash is data",
    file: "kubernetes/refuse-target.ts",
    find: "/%(?:2[fF5]|5[cC])/",
    replace: "/%5[cC]/",
    test: { file: "test/gateway/door.test.ts", title: "path differential: an encoded slash" },
  },
  {
    ids: ["query differential"],
    change: "a semicolon is let through in a query",
    file: "kubernetes/query.ts",
    find: 'rawQuery.includes(";")',
    replace: 'rawQuery.includes(";;")',
    test: { file: "test/gateway/door.test.ts", title: "query differential: a semicolon" },
  },
  {
    ids: ["Teleport 40792"],
    change: "the rule on debug containers sees updates and forgets patches",
    file: "rego/access/debug/debug.rego",
    find: "operations: [CREATE, UPDATE]",
    replace: "verbs: [create, update]",
    test: { file: "test/pitfalls/debug-containers.test.ts", title: "of ephemeralcontainers as" },
  },
  {
    ids: ["Teleport 51652"],
    change: "a stream outlives the credential that opened it",
    file: "proxy/open-streams.ts",
    find: "if (stream.expiresAt <= now) stream.end(",
    replace: "if (stream.expiresAt <= 0 * now) stream.end(",
    test: { file: "test/gateway/streams.test.ts", title: "Teleport 51652" },
  },
  {
    ids: ["Teleport PR 66300"],
    change: "whoever is logged in owns every session",
    file: "console/evidence-access.ts",
    find: 'name !== "" && names.includes(name) && (name !== identity.username || issuer === identity.issuer)',
    replace: "name !== identity.uid",
    test: { file: "test/console/api.test.ts", title: "Teleport PR 66300" },
  },
  {
    ids: ["Tremolo 94"],
    change: "a token may name any number of groups",
    file: "identity/claims.ts",
    find: "MAX_GROUPS = 256",
    replace: "MAX_GROUPS = 100_000",
    test: { file: "test/pitfalls/groups.test.ts", title: "Tremolo 94" },
  },
  {
    ids: ["GHSA-w23h-64x4-22h9", "kubernetes 23564"],
    change: "the annotation of kubectl apply is not looked into",
    file: "engine/mask/pass.ts",
    find: 'if (name !== LAST_APPLIED && !packed && !text.startsWith("{")) continue;',
    replace: 'if (name === LAST_APPLIED || (!packed && !text.startsWith("{"))) continue;',
    test: { file: "test/engine/mask/masker.test.ts", title: "GHSA-w23h-64x4-22h9, kubernetes 23564" },
  },
  {
    ids: ["undici CVE-2026-1525", "undici CVE-2026-1527"],
    change: "the listener reads HTTP leniently",
    file: "proxy/listener/http1-server.ts",
    find: "maxHeaderSize: 65_536,",
    replace: "maxHeaderSize: 65_536, insecureHTTPParser: true,",
    test: { file: "test/gateway/smuggling.test.ts", title: "is refused and nothing of it reaches the API server" },
  },
  {
    ids: ["OpenUnison 142"],
    change: "an answer is kept back until there is much of it",
    file: "proxy/answer/pass-through.ts",
    find: "    response.pipe({\n      write: (chunk) => {",
    replace: "    res.cork();\n    response.pipe({\n      write: (chunk) => {",
    test: { file: "test/e2e/lifecycle.test.ts", title: "OpenUnison 142" },
  },
  {
    ids: ["hoop inspector"],
    change: "each chunk of a watch is taken for whole frames",
    file: "kubernetes/watch-frames.ts",
    find: "      this.#check(rest);\n      this.#held.add(rest);",
    replace: "      frames.push(Buffer.from(rest));",
    test: { file: "test/gateway/masking-watch.test.ts", title: "hoop inspector" },
  },
  {
    ids: ["dry-run delete"],
    change: "a delete's dryRun is read from the query",
    file: "kubernetes/body/decode.ts",
    find: "dryRun: isDryRun(object.dryRun)",
    replace: "dryRun: attributes.dryRun",
    test: { file: "test/gateway/hold-changes.test.ts", title: "dry-run delete [M]" },
  },
  {
    ids: ["WebSocket watch"],
    change: "any GET may upgrade",
    file: "proxy/tunnel/upgrade.ts",
    find: "  if (!isStreamed(attributes)) {",
    replace: "  if (!isStreamed(attributes) && !attributes.watch) {",
    test: { file: "test/gateway/tunnel.test.ts", title: "WebSocket watch [M]: of a watch of Secrets" },
  },
  {
    ids: ["CVE-2018-1002105"],
    change: "the socket of a refused upgrade stays open",
    file: "proxy/tunnel/upgrade-socket.ts",
    find: "    socket.resume().end();\n    setTimeout(() => socket.destroy(), LINGER_MS).unref();",
    replace: "    socket.resume();",
    test: { file: "test/gateway/tunnel.test.ts", title: "CVE-2018-1002105: after an upgrade" },
  },
  {
    ids: ["CVE-2018-1002105"],
    change: "a connection upgrades to anything",
    file: "proxy/tunnel/upgrade.ts",
    find: 'asked === "spdy/3.1" ? "SPDY/3.1" : undefined',
    replace: 'asked !== "" ? "SPDY/3.1" : undefined',
    test: { file: "test/gateway/tunnel.test.ts", title: "CVE-2018-1002105: to two protocols at once" },
  },
  {
    ids: ["kubernetes 78741", "kubernetes 134577"],
    change: "an exec over WebSocket is another request than the same over SPDY",
    file: "kubernetes/digest-form.ts",
    find: 'verb: connects ? "connect" : attributes.verb',
    replace: "verb: attributes.verb",
    test: { file: "test/gateway/tunnel-hold.test.ts", title: "kubernetes 78741, 134577" },
  },
  {
    ids: ["Teleport 51652"],
    change: "a tunnel is nothing that ends with its session",
    file: "proxy/keep-open.ts",
    find: 'attributes.operation !== "CONNECT") return',
    replace: 'attributes.operation !== "") return',
    test: { file: "test/gateway/tunnel-ends.test.ts", title: "Teleport 51652: an exec ends with its session" },
  },
  {
    ids: ["Warpgate"],
    change: "standard error is not recorded",
    file: "proxy/tunnel/stream-recording.ts",
    find: "    if (payload?.length === 0) return;",
    replace: '    if (payload?.length === 0 || event.channel === "stderr") return;',
    test: { file: "test/gateway/tunnel-record.test.ts", title: "Warpgate" },
  },
  {
    ids: ["bearer subprotocol"],
    change: "a bearer token in Sec-WebSocket-Protocol is let by",
    file: "proxy/listener/door.ts",
    find: "/base64url\\.bearer\\./i.test",
    replace: "/^base64url\\.bearer$/i.test",
    test: { file: "test/gateway/door.test.ts", title: "bearer subprotocol [M]" },
  },
  {
    ids: ["client Audit-ID"],
    change: "a client's Audit-ID is kept",
    file: "proxy/headers.ts",
    find: '["audit-id", options.auditId]',
    replace: '["audit-id", String(client["audit-id"] ?? options.auditId)]',
    test: { file: "test/gateway/headers.test.ts", title: "client Audit-ID" },
  },
  {
    ids: ["absolute form"],
    change: "a target with a scheme and a host is taken for its path",
    file: "proxy/handler.ts",
    find: '    const url = req.url ?? "";',
    replace: '    const url = (req.url ?? "").replace(/^https?:\\/\\/[^/]*/, "");',
    test: { file: "test/gateway/door.test.ts", title: "absolute form [M], with a connection's path" },
  },
  {
    ids: ["YAML 1.1"],
    change: "yes is a string, as to a YAML 1.2 parser",
    file: "kubernetes/body/yaml-scalar.ts",
    find: '["y", "Y", "yes", "Yes", "YES", "true"',
    replace: '["y", "Y", "Yes", "YES", "true"',
    test: { file: "test/gateway/bodies.test.ts", title: "YAML 1.1 [M]" },
  },
  {
    ids: ["JSON patch precondition"],
    change: "our precondition is the first operation",
    file: "kubernetes/patch.ts",
    find: "[...patch.operations, bind]",
    replace: "[bind, ...patch.operations]",
    test: { file: "test/pitfalls/precondition.test.ts", title: "JSON patch precondition [M]" },
  },
  {
    ids: ["JSON patch copy, test"],
    change: "a JSON patch may read what is masked",
    file: "proxy/answer/unmaskable-write.ts",
    find: '  if (body.patch?.type === "json") refuseMaskedReads(body.patch.operations, masker.fields, masker.tellsMore);',
    replace: "",
    test: { file: "test/gateway/masking-writes.test.ts", title: "JSON patch copy, test [M]" },
  },
  {
    ids: ["CVE-2018-1002105"],
    change: "after an upgrade that failed the connection stays open",
    file: "proxy/tunnel/upgrade-socket.ts",
    find: "    socket.resume().end();\n    setTimeout(() => socket.destroy(), LINGER_MS).unref();",
    replace: "    socket.resume();",
    test: {
      file: "test/gateway/tunnel.test.ts",
      title: "CVE-2018-1002105: after an upgrade that the upstream refused",
    },
  },
  {
    ids: ["kubernetes 78741", "kubernetes 134577"],
    change: "the rule on exec names the verb of SPDY's POST, and a WebSocket's GET goes by",
    file: "rego/access/exec/exec.rego",
    find: "      operations: [CONNECT]",
    replace: "      verbs: [create]",
    test: { file: "test/gateway/tunnel-hold.test.ts", title: "kubernetes 78741, 134577" },
  },
  {
    ids: ["node 60336"],
    change: "one of Node's servers speaks both protocols",
    file: "proxy/listener/listener.ts",
    find: '(socket.alpnProtocol === "h2" ? http2 : http1)',
    replace: "http2",
    test: { file: "test/pitfalls/upgrade-over-tls.test.ts", title: "node 60336" },
  },
  {
    ids: ["undici CVE-2026-1528"],
    change: "a length of 64 bits is taken as it comes",
    file: "kubernetes/websocket/frame-head.ts",
    find: "if (length > BigInt(Number.MAX_SAFE_INTEGER))",
    replace: "if (length === 0n)",
    test: { file: "test/pitfalls/upgrade-over-tls.test.ts", title: "undici CVE-2026-1528" },
  },
  {
    ids: ["Warpgate"],
    change: "stderr is carried and not recorded",
    file: "proxy/tunnel/stream-recording.ts",
    find: 'if (this.#level === "None" || event.kind === "closing") return;',
    replace: 'if (this.#level === "None" || event.kind === "closing" || event.channel === "stderr") return;',
    test: { file: "test/gateway/tunnel-record.test.ts", title: "Warpgate" },
  },
];
