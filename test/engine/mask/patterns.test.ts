import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { guardrailsSchema } from "../../../base/config/guardrails.ts";
import { Refusal } from "../../../base/errors.ts";
import type { Mask } from "../../../engine/decision.ts";
import { parseFieldPath } from "../../../engine/mask/field-path.ts";
import { createMasker, LAST_APPLIED } from "../../../engine/mask/masker.ts";
import { findPatterns, PATTERNS, type Pattern } from "../../../engine/mask/patterns.ts";
import { PLACEHOLDER } from "../../../engine/mask/placeholder.ts";
import { refuseMaskedReads } from "../../../kubernetes/masked-patch.ts";

// Made here, so that no file of this repository looks as if it held a credential.
const letters = (n: number, from = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"): string =>
  Array.from({ length: n }, (_, i) => from[(i * 7 + 3) % from.length]).join("");
const hex = (n: number): string => letters(n, "0123456789abcdef");
const mixed = (n: number): string => letters(n, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
const b64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const b64 = (text: string): string => Buffer.from(text).toString("base64");

const PEM = generateKeyPairSync("ec", {
  namedCurve: "P-256",
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
  publicKeyEncoding: { type: "spki", format: "pem" },
});
const KEY = PEM.privateKey.trim();
const JWT = `${b64url({ alg: "RS256" })}.${b64url({ sub: "a" })}.${mixed(43)}`;
const JWE = `${b64url({ alg: "dir", enc: "A256GCM" })}..${mixed(16)}.${mixed(20)}.${mixed(22)}`;
const AWS_ID = `AKIA${letters(16)}`;
const AWS_SECRET = mixed(40);

/** A text, and the part of it that is masked. */
const FOUND: [title: string, pattern: Pattern, before: string, value: string, after: string][] = [
  ["a PKCS #8 key", "private-key", "key: ", KEY, "\nnext"],
  ["an RSA key", "private-key", "", KEY.replaceAll("PRIVATE", "RSA PRIVATE"), ""],
  ["an OpenSSH key", "private-key", "", KEY.replaceAll("PRIVATE", "OPENSSH PRIVATE"), " and more"],
  ["a PGP key", "private-key", "", KEY.replaceAll("PRIVATE KEY", "PGP PRIVATE KEY BLOCK"), ""],
  ["a key inside JSON", "private-key", '{"private_key":"', JSON.stringify(KEY).slice(1, -1), '"}'],
  ["a key that was cut off", "private-key", "log: ", KEY.slice(0, 80), ""],
  ["a kubeconfig's client-key-data", "private-key", "client-key-data: ", b64(`${KEY}\n`), "\nuser: a"],
  ["an age key", "private-key", "", `AGE-SECRET-KEY-1${letters(58)}`, ""],
  ["a signed token", "jwt", "Authorization: Bearer ", JWT, " trailing"],
  ["a token behind a prefix", "jwt", "session_", JWT, ""],
  ["an encrypted token", "jwt", "", JWE.replace("..", `.${mixed(24)}.`), ""],
  ["a token encrypted directly", "jwt", "", JWE, ""],
  ["an AWS access key", "cloud-key", "id=", AWS_ID, ";"],
  ["a temporary AWS access key", "cloud-key", "", `ASIA${letters(16)}`, ""],
  ["an AWS credentials file", "cloud-key", "aws_secret_access_key = ", AWS_SECRET, "\n"],
  ["an AWS secret in JSON", "cloud-key", '{"SecretAccessKey": "', AWS_SECRET, '"}'],
  ["a Google API key", "cloud-key", "?key=", `AIza${mixed(35)}`, ""],
  ["a Google OAuth secret", "cloud-key", "", `GOCSPX-${mixed(28)}`, ""],
  ["the id of a service account's key", "cloud-key", '{"private_key_id": "', hex(40), '"}'],
  ["an Azure storage key", "cloud-key", "AccountName=a;AccountKey=", `${mixed(86)}==`, ";EndpointSuffix=b"],
  ["an Azure Service Bus key", "cloud-key", "SharedAccessKey=", `${mixed(43)}=`, ""],
  ["an Azure SAS", "cloud-key", "https://a.blob/b?sv=2024&sig=", `${mixed(43)}%3D`, "&se=2026"],
  ["an Entra client secret", "cloud-key", "", `abc8Q~${mixed(34)}`, ""],
  ["a GitHub token", "cloud-key", "https://", `ghp_${mixed(36)}`, "@github.com"],
  ["a fine-grained GitHub token", "cloud-key", "", `github_pat_${mixed(60)}`, ""],
  ["a GitLab token", "cloud-key", "", `glpat-${mixed(20)}`, ""],
  ["a Slack token", "cloud-key", "token=", `xoxb-${letters(12, "0123456789")}-${mixed(24)}`, ""],
  [
    "a Slack webhook",
    "cloud-key",
    "https://hooks.slack.com/services/",
    `T${letters(8)}/B${letters(10)}/${mixed(24)}`,
    " ok",
  ],
  ["an OpenAI key", "cloud-key", "", `sk-proj-${mixed(40)}`, ""],
  ["an OpenAI key as they were", "cloud-key", "key ", `sk-${mixed(20)}T3BlbkFJ${mixed(20)}`, ""],
  ["an Anthropic key", "cloud-key", "", `sk-ant-api03-${mixed(40)}`, ""],
  ["a Google access token", "cloud-key", "Bearer ", `ya29.${mixed(60)}`, ""],
  ["an npm token", "cloud-key", "_authToken=", `npm_${mixed(36)}`, ""],
  ["a Vault token", "cloud-key", "", `hvs.${mixed(40)}`, ""],
  ["the password of a database's URL", "database-url", "postgres://app:", "s3cr3t", "@db:5432/app"],
  ["one of a driver", "database-url", '"postgresql+asyncpg://a:', "p%40ss", '@h/d"'],
  ["one with no user", "database-url", "redis://:", "s3cr3t", "@cache:6379/0"],
  ["one with an @ in it", "database-url", "mysql://a:", "p@ss", "@h/d"],
  ["one with a slash in it", "database-url", "amqp://a:", "p/ss", "@h/d"],
  ["one of several hosts", "database-url", "mongodb+srv://a:", "s3cr3t", "@h1,h2/d?retryWrites=true"],
  ["one in the query", "database-url", "postgresql://h/d?user=a&password=", "s3cr3t", "&sslmode=require"],
  ["one of JDBC's", "database-url", "jdbc:sqlserver://h:1433;user=a;password=", "s3cr3t", ";encrypt=true"],
  ["one of Oracle's", "database-url", "jdbc:oracle:thin:scott/", "tiger1", "@//h:1521/s"],
  ["one whose slashes JSON escapes", "database-url", "postgres:\\/\\/a:", "s3cr3t", "@h"],
];

const found = (text: string, patterns: readonly Pattern[] = PATTERNS): string[] =>
  findPatterns(text, patterns).map(({ start, end }) => text.slice(start, end));

describe("a pattern finds", () => {
  test.each(FOUND)("%s, and nothing around it", (_title, pattern, before, value, after) => {
    expect(found(before + value + after, [pattern])).toEqual([value]);
  });

  test("each of several, in order", () => {
    expect(found(`${JWT} ${KEY} ${AWS_ID} ${JWT}`)).toEqual([JWT, KEY, AWS_ID, JWT]);
  });

  test("an AWS secret by the name that it stands under, and 40 characters by no other", () => {
    expect(findPatterns(AWS_SECRET, PATTERNS, "AWS_SECRET_ACCESS_KEY")).toHaveLength(1);
    expect(findPatterns(AWS_SECRET, PATTERNS, "secretAccessKey")).toHaveLength(1);
    expect(findPatterns(AWS_SECRET, PATTERNS, "commit")).toEqual([]);
  });

  test.each([
    ["a public key", PEM.publicKey],
    ["a certificate's header", "-----BEGIN CERTIFICATE-----"],
    ["a word that begins like a key id", "AKIAish"],
    ["an image's digest", `registry/app@sha256:${hex(64)}`],
    ["dotted names", "a.very.long.host.name.example.com"],
    ["JSON in base64 that is no token", b64url({ a: "some longer text" })],
    ["what was masked", PLACEHOLDER],
    ["a URL whose password was masked", `postgres://a:${PLACEHOLDER}@h/d`],
    [
      "a URL whose password is a variable",
      `postgres://a:\${PASSWORD}@h postgres://a:$PGPASSWORD@h redis://:<password>@h`,
    ],
    ["a database's URL without one", "postgres://a@h:5432/d mysql://h:3306/d redis://h:6379"],
    ["a URL of something else", "ssh://git:22@h/x.git"],
    ["the letters of a Google key in the middle of base64", `iVBORw0KGgo${"AIza".repeat(12)}`],
  ])("nothing in %s", (_title, text) => {
    expect(found(text)).toEqual([]);
  });
});

test("a megabyte of hostile text does not stall the search", () => {
  const parts = [
    ...[
      "-----BEGIN ",
      "-----BEGIN PRIVATE KEY-----",
      "eyJ",
      "eyJ.",
      "eyJeyJeyJeyJ.eyJ.",
      "AKIA",
      "AKIAAKIAAKIAAKIAAKIA",
    ],
    ...[
      "LS0tLS1CRUdJTi",
      "LS0tLS1CRUdJTi=",
      "secret_access_key=",
      "ghp_",
      "github_pat_",
      "aaaaaaaa",
      "sig=",
      "8Q~",
      ".",
    ],
    ...['"type":"service_account"-----BEGIN ', "AIza", 'private_key_id":"', " ", "-"],
  ];
  // A quadratic search of a megabyte would take minutes, and run into the test's time limit.
  for (const part of parts) expect(findPatterns(part.repeat(100_000), PATTERNS).length, part).toBeLessThan(100_001);
});

const CONFIG_MAPS = { group: "", resource: "configmaps", namespace: "a", name: "" };
const mask = (over: Partial<Mask>): Mask[] => [
  { selector: { group: "", resource: "configmaps" }, fields: [], placeholder: PLACEHOLDER, ...over },
];
function masked(masks: Mask[], object: object): { value: Record<string, unknown>; fields: string[] } {
  const masker = createMasker(masks, CONFIG_MAPS);
  const text = JSON.stringify(object);
  const item = masker?.maskItem(text);
  const whole = masker?.maskText(text);
  expect(item?.value === text || masker?.mayMask(Buffer.from(text))).toBe(true);
  expect(JSON.parse(item?.value ?? "")).toEqual(JSON.parse(whole?.value ?? ""));
  return { value: JSON.parse(whole?.value ?? ""), fields: whole?.maskedFields ?? [] };
}
const configMap = (data: object, extra: object = {}): object => ({
  kind: "ConfigMap",
  apiVersion: "v1",
  metadata: { name: "app", namespace: "a", ...extra },
  data,
});

describe("a mask", () => {
  const object = configMap({ url: `https://${AWS_ID}@host`, "db-password": "hunter2", plain: "debug" });

  test("by fields masks these fields whole", () => {
    expect(masked(mask({ fields: ["data['db-password']"] }), object).value).toEqual(
      configMap({ url: `https://${AWS_ID}@host`, "db-password": PLACEHOLDER, plain: "debug" }),
    );
  });

  test("by patterns masks what matches, and only that part", () => {
    expect(masked(mask({ patterns: ["cloud-key"] }), object)).toEqual({
      value: configMap({ url: `https://${PLACEHOLDER}@host`, "db-password": "hunter2", plain: "debug" }),
      fields: ["data.url"],
    });
  });

  test("by both masks both", () => {
    const both = mask({ fields: ["data['db-password']"], patterns: ["cloud-key", "jwt"] });
    expect(masked(both, object).value).toEqual(
      configMap({ url: `https://${PLACEHOLDER}@host`, "db-password": PLACEHOLDER, plain: "debug" }),
    );
  });

  test("by patterns finds a key in base64, and leaves base64", () => {
    const { value } = masked(mask({ patterns: ["private-key"] }), {
      ...configMap({}),
      binaryData: { pem: b64(`a\n${KEY}\nb`) },
    });
    const { pem } = value.binaryData as { pem: string };
    expect(Buffer.from(pem, "base64").toString()).toBe(`a\n${PLACEHOLDER}\nb`);
  });

  test("by patterns masks the last-applied annotation, owners, and what equals a match elsewhere", () => {
    const { value } = masked(
      mask({ patterns: ["jwt"] }),
      configMap(
        { token: JWT },
        {
          annotations: { [LAST_APPLIED]: JSON.stringify(configMap({ token: JWT })), copy: b64(JWT) },
          ownerReferences: [{ uid: JWT }],
        },
      ),
    );
    expect(JSON.stringify(value)).not.toContain(JWT);
    expect(JSON.stringify(value)).not.toContain(b64(JWT));
  });

  test("by patterns finds the value of an env by the env's name", () => {
    const env = (value: string): object => ({
      kind: "Pod",
      metadata: { name: "p" },
      spec: {
        containers: [
          {
            env: [
              { name: "AWS_SECRET_ACCESS_KEY", value },
              { name: "COMMIT", value: hex(40) },
            ],
          },
        ],
      },
    });
    expect(masked(mask({ patterns: ["cloud-key"] }), env(AWS_SECRET)).value).toEqual(env(PLACEHOLDER));
  });

  test("by patterns masks the cells of a Table, with and without the objects", () => {
    const masker = createMasker(mask({ patterns: ["jwt"] }), CONFIG_MAPS);
    for (const row of [{ cells: ["app", JWT, "3d"] }, { cells: ["app", JWT, "3d"], object: configMap({ a: JWT }) }]) {
      const columnDefinitions = [{ name: "Name" }, { name: "Token" }, { name: "Age" }];
      expect(masker?.mayMask(Buffer.from(JSON.stringify(row)))).toBe(true);
      const { value } = masker?.maskItem(JSON.stringify(row), { columnDefinitions }) ?? {};
      expect(JSON.parse(value ?? "").cells).toEqual(["app", PLACEHOLDER, "3d"]);
    }
  });

  test("of a field that no built-in printer shows leaves the cells of a Table readable", () => {
    const pods = { group: "", resource: "pods", namespace: "a", name: "" };
    const env: Mask[] = [{ selector: {}, fields: ["spec.containers[*].env[*].value"], placeholder: PLACEHOLDER }];
    const image: Mask[] = [{ selector: {}, fields: ["spec.containers[*].image"], placeholder: PLACEHOLDER }];
    const table = { columnDefinitions: [{ name: "Name" }, { name: "Status" }] };
    const row = JSON.stringify({ cells: ["p", "Running"], object: { kind: "PartialObjectMetadata", metadata: {} } });
    expect(createMasker(env, pods)?.maskItem(row, table).value).toBe(row);
    expect(JSON.parse(createMasker(image, pods)?.maskItem(row, table).value ?? "").cells).toEqual(["p", PLACEHOLDER]);
  });

  test("by a pattern that nobody knows masks nothing silently", () => {
    expect(() => createMasker(mask({ patterns: ["credit-card"] }), CONFIG_MAPS)).toThrow(SyntaxError);
  });
});

test("an item that may not be masked is never changed by masking it", () => {
  const masker = createMasker(mask({ patterns: ["private-key", "jwt", "cloud-key"] }), CONFIG_MAPS);
  for (const [, , before, value, after] of FOUND) {
    for (const text of [before + value + after, b64(before + value + after), b64(`x${before}${value}`)]) {
      const item = JSON.stringify(configMap({ a: text }));
      if (masker?.maskItem(item).value !== item) expect(masker?.mayMask(Buffer.from(item)), text).toBe(true);
    }
  }
  const plain = Buffer.from(JSON.stringify(configMap({ "app.yaml": "debug: true\nlevel: info\n" })));
  expect(masker?.mayMask(plain)).toBe(false);
});

describe("JSON patch copy, test [M]: under a mask by pattern", () => {
  const masker = createMasker(mask({ patterns: ["cloud-key", "jwt"] }), CONFIG_MAPS);
  const refused = (operation: object): boolean => {
    try {
      refuseMaskedReads([operation as never], masker?.fields ?? [], masker?.tellsMore);
      return false;
    } catch (error) {
      expect(error).toBeInstanceOf(Refusal);
      return true;
    }
  };
  test.each<[string, object, boolean]>([
    ["a test of what the pattern takes", { op: "test", path: "/data/a", value: JWT }, true],
    ["a test of it in base64", { op: "test", path: "/binaryData/a", value: b64(JWT) }, true],
    ["a test of an object with it", { op: "test", path: "/data", value: { a: `x ${AWS_ID}` } }, true],
    ["a test of what could be a secret key", { op: "test", path: "/data/a", value: AWS_SECRET }, true],
    ["a copy of what its name gives away", { op: "copy", from: "/data/AWS_SECRET_ACCESS_KEY", path: "/data/b" }, true],
    ["a move of an env's value", { op: "move", from: "/spec/env/0/value", path: "/metadata/annotations/a" }, true],
    ["a test of anything else", { op: "test", path: "/data/a", value: "debug" }, false],
    ["a copy, which the pattern finds again where it goes", { op: "copy", from: "/data/a", path: "/data/b" }, false],
    ["a replacement", { op: "replace", path: "/data/a", value: JWT }, false],
  ])("%s", (_title, operation, expected) => {
    expect(refused(operation)).toBe(expected);
  });
});

test("the configuration takes the field paths that the masker parses, and no others", () => {
  const paths = [
    ...[
      "data",
      "data.*",
      "data['a.b']",
      "data['it\\'s']",
      "spec.containers[*].env[0].value",
      "*",
      "*.a",
      "[0].a",
      "$a",
    ],
    ...["", ".a", "a.", "a..b", "a[", "a[]", "a['", "a b", "a[-1]", "a['b'c]", "a.'b'", "1a", "a[*]b", "a.*b", "*a"],
  ];
  for (const path of paths) {
    const parse = (): unknown => parseFieldPath(path);
    const taken = guardrailsSchema.safeParse({
      apiVersion: "sallyport.dev/v1alpha1",
      kind: "Guardrails",
      masks: [{ group: "", resource: "pods", fields: [path] }],
    }).success;
    if (taken) expect(parse, path).not.toThrow();
    else expect(parse, path).toThrow(SyntaxError);
  }
});
