import { gunzipSync, gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { parse as parseYaml } from "yaml";
import { containsPlaceholder } from "../../../engine/mask/contains-placeholder.ts";
import { createMasker } from "../../../engine/mask/masker.ts";
import { PLACEHOLDER } from "../../../engine/mask/placeholder.ts";

const b64 = (bytes: string | Buffer): string => Buffer.from(bytes).toString("base64");
const PASSWORD = "pa55";
/** As helm.sh/helm/v3 pkg/release/release.go writes it. */
const RELEASE = {
  name: "db",
  namespace: "shop",
  version: 3,
  info: {
    first_deployed: "2026-11-22T10:00:00.123456789Z",
    last_deployed: "2026-11-22T11:00:00.123456789+01:00",
    deleted: "",
    description: "Upgrade complete",
    status: "deployed",
    notes: `log in with ${PASSWORD}`,
  },
  chart: {
    metadata: { name: "postgresql", version: "16.2.1", appVersion: "17.0.0", apiVersion: "v2", description: PASSWORD },
    templates: [{ name: "secret.yaml", data: b64(`password: ${PASSWORD}`) }],
    values: { auth: { password: PASSWORD } },
  },
  config: { auth: { password: PASSWORD } },
  manifest: `apiVersion: v1\nkind: Secret\nstringData: {password: ${PASSWORD}}\n`,
  hooks: [{ name: "job", manifest: `env: ${PASSWORD}` }],
};
/** What Kubernetes stores and answers: base64 of what Helm wrote, which is base64 itself. */
const packed = (release: unknown): string => b64(b64(gzipSync(JSON.stringify(release))));
/** As Helm's decodeRelease reads it (pkg/storage/driver/util.go), after client-go has decoded the Secret. */
const unpacked = (data: string): Record<string, unknown> =>
  JSON.parse(gunzipSync(Buffer.from(Buffer.from(data, "base64").toString(), "base64")).toString());
const secret = (release: string, type = "helm.sh/release.v1") => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "sh.helm.release.v1.db.v3", namespace: "shop", labels: { owner: "helm", status: "deployed" } },
  type,
  data: { release },
});
const masker = () =>
  createMasker(
    [{ selector: { group: "", resource: "secrets" }, fields: ["data.*"], placeholder: PLACEHOLDER }],
    { group: "", resource: "secrets", namespace: "shop", name: "" },
    { hmacKey: Buffer.from("key") },
  );
function masked(object: object): string {
  const { value, maskedFields, fingerprints } = masker()?.maskText(JSON.stringify(object)) ?? {};
  expect(maskedFields).toEqual(["data.release"]);
  expect(fingerprints?.["data.release"]).toMatch(/^[0-9a-f]{64}$/);
  return JSON.parse(value ?? "").data.release;
}

test("a Helm release keeps what helm list, history and status show, and nothing that it was rendered from or to", () => {
  expect(unpacked(masked(secret(packed(RELEASE))))).toEqual({
    name: "db",
    namespace: "shop",
    version: 3,
    info: {
      first_deployed: RELEASE.info.first_deployed,
      last_deployed: RELEASE.info.last_deployed,
      description: "Upgrade complete",
      status: "deployed",
      notes: PLACEHOLDER,
    },
    chart: { metadata: { name: "postgresql", version: "16.2.1", appVersion: "17.0.0", apiVersion: "v2" } },
    config: { [PLACEHOLDER]: PLACEHOLDER },
    manifest: PLACEHOLDER,
  });
});

test("the manifest of a masked release is no YAML: an upgrade from it fails, and takes nothing for deleted", () => {
  const { manifest } = unpacked(masked(secret(packed(RELEASE)))) as { manifest: string };
  expect(() => parseYaml(manifest)).toThrow();
});

test("what a release says in places that are kept is kept only in the form that it has there", () => {
  const odd = {
    ...RELEASE,
    name: "Not A Name",
    version: PASSWORD,
    info: { ...RELEASE.info, status: "pa 55", description: `Upgrade "db" failed: ${PASSWORD}`, last_deployed: {} },
    chart: { metadata: { name: `a\n${PASSWORD}`, version: [PASSWORD] } },
  };
  const text = JSON.stringify(unpacked(masked(secret(packed(odd)))));
  expect(text).not.toMatch(/pa ?55|Not A Name/);
});

test.each([
  ["is no release", b64("hunter2")],
  ["is gzip of something else", b64(b64(gzipSync("[1]")))],
  ["is cut off", packed(RELEASE).slice(0, 200)],
  ["unpacks to more than it may", b64(b64(gzipSync(Buffer.alloc(9_000_000))))],
])("a release that %s is masked whole", (_title, data) => {
  expect(masked(secret(data))).toBe(b64(PLACEHOLDER));
});

test("a release in a Secret of another type is masked whole", () => {
  expect(masked(secret(packed(RELEASE), "Opaque"))).toBe(b64(PLACEHOLDER));
});

test("the releases of one request are unpacked up to a limit, and masked whole past it", () => {
  const large = packed({ ...RELEASE, manifest: "x".repeat(8_000_000) });
  const one = masker();
  const kept = Array.from({ length: 10 }, () => one?.maskItem(JSON.stringify(secret(large))).value ?? "").map(
    (text) => JSON.parse(text).data.release !== b64(PLACEHOLDER),
  );
  expect(kept.filter(Boolean).length).toBeGreaterThan(4);
  expect(kept.at(-1)).toBe(false);
});

test("a masked release that is masked again stays as it is", () => {
  const once = masked(secret(packed(RELEASE)));
  const again = masker()?.maskText(JSON.stringify(secret(once)));
  expect(again?.maskedFields).toEqual([]);
  expect(JSON.parse(again?.value ?? "").data.release).toBe(once);
});

test("a masked release that is written back, by a rollback say, is found to hold the placeholder", () => {
  const shown = unpacked(masked(secret(packed(RELEASE))));
  expect(containsPlaceholder(secret(packed({ ...shown, version: 4 })))).toEqual(["data.release"]);
  expect(containsPlaceholder({ stringData: { release: b64(gzipSync(JSON.stringify(shown))) } })).toEqual([
    "stringData.release",
  ]);
  expect(containsPlaceholder(secret(packed(RELEASE)))).toEqual([]);
});
