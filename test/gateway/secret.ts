import { expect } from "vitest";

export const VALUE = "correct-horse-battery";
export const ENCODED = Buffer.from(VALUE).toString("base64");
export const MASKED = Buffer.from("**sallyport-masked**").toString("base64");
export const SECRETS = "/api/v1/namespaces/shop/secrets";
export const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

export const secret = () => ({
  kind: "Secret",
  apiVersion: "v1",
  metadata: {
    name: "db",
    namespace: "shop",
    resourceVersion: "7",
    annotations: {
      [LAST_APPLIED]: JSON.stringify({ kind: "Secret", data: { password: ENCODED } }),
      copied: `it is ${VALUE}`,
    },
  },
  data: { password: ENCODED, user: Buffer.from("root").toString("base64") },
  type: "Opaque",
});

/** What the agent must not read in any form. */
export function expectNoValue(text: string): void {
  expect(text).not.toContain(VALUE);
  expect(text).not.toContain(ENCODED);
}
