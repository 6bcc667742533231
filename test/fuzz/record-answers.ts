/**
 * Records what a real API server answers to lists and watches, as bytes: seeds of the fuzz targets json-splitter and
 * watch-frames.
 *
 *   node test/fuzz/record-answers.ts
 */
import { readFileSync, writeFileSync } from "node:fs";
import { Agent, request } from "undici";
import { startControlPlane } from "../../tools/control-plane/start.ts";

const TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
const METADATA_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
const METADATA = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
const SECRETS = "/api/v1/namespaces/default/secrets";
const CONFIG_MAPS = "/api/v1/namespaces/default/configmaps";
const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const WIDGETS = "/apis/example.com/v1/namespaces/default/widgets";

const plane = await startControlPlane();
try {
  const dispatcher = new Agent({ connect: { ca: readFileSync(plane.caFile, "utf8") } });
  const call = (method: "GET" | "POST" | "DELETE", path: string, accept = "application/json", body?: object) =>
    request(`${plane.server}${path}`, {
      dispatcher,
      method,
      headers: { authorization: `Bearer ${plane.adminToken}`, accept, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const text = async (path: string, accept?: string): Promise<string> => (await call("GET", path, accept)).body.text();
  const create = async (path: string, body: object): Promise<void> => {
    const { statusCode, body: answer } = await call("POST", path, undefined, body);
    const said = await answer.text();
    if (statusCode !== 201) throw new Error(`POST ${path} answered ${statusCode} ${said}`);
  };
  const meta = (name: string): object => ({
    metadata: { name, labels: { app: "shop" }, annotations: { note: 'a "quoted" \\ <b> é 😀' } },
  });
  await create(SECRETS, {
    ...meta("db"),
    stringData: { password: "correct-horse-battery", "tls.key": "line\nline\t\u0001" },
  });
  await create(SECRETS, { ...meta("empty"), immutable: true });
  await create(CONFIG_MAPS, {
    ...meta("settings"),
    data: { "app.json": '{"items":[1,{"rows":[]}]}', "": undefined, big: "9007199254740993" },
  });
  const names = { plural: "widgets", singular: "widget", kind: "Widget", listKind: "WidgetList" };
  const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
  const additionalPrinterColumns = [{ name: "Size", type: "string", jsonPath: ".spec.size" }];
  await create(CRDS, {
    metadata: { name: "widgets.example.com" },
    spec: {
      group: "example.com",
      scope: "Namespaced",
      names,
      versions: [{ name: "v1", served: true, storage: true, schema, additionalPrinterColumns }],
    },
  });
  for (let tries = 0; (await call("GET", WIDGETS)).statusCode !== 200; tries++) {
    if (tries > 100) throw new Error("widgets are not served");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await create(WIDGETS, {
    apiVersion: "example.com/v1",
    kind: "Widget",
    ...meta("a"),
    spec: { size: "large", items: [1.5, -0, 1e21, null, true] },
  });

  const lists: string[] = [];
  for (const path of [
    SECRETS,
    CONFIG_MAPS,
    WIDGETS,
    "/api/v1/namespaces",
    "/apis/rbac.authorization.k8s.io/v1/clusterroles?limit=2",
    `${SECRETS}?limit=1`,
  ]) {
    lists.push(await text(path), await text(path, TABLE), await text(path, METADATA_LIST));
  }
  lists.push(
    await text(`${SECRETS}?pretty=true`),
    await text(`${SECRETS}?fieldSelector=metadata.name=none`),
    await text(`${SECRETS}/none`),
  );

  const watches: string[] = [];
  for (const path of [SECRETS, CONFIG_MAPS, WIDGETS]) {
    const watch = `${path}?watch=true&timeoutSeconds=1`;
    const all = `${watch}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`;
    for (const accept of ["application/json", TABLE, METADATA])
      watches.push(await text(watch, accept), await text(all, accept));
  }
  writeFileSync(new URL("./seeds/answers.json", import.meta.url), `${JSON.stringify({ lists, watches }, null, 2)}\n`);
  await dispatcher.close();
} finally {
  await plane.stop();
}
