/** What the tour's cluster holds before the agent comes. */
export const SECRET = "correct-horse-battery-staple";

export const OBJECTS: object[] = [
  { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } },
  {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web", namespace: "shop", labels: { app: "web" } },
    spec: { containers: [{ name: "main", image: "registry.example.com/web:1" }] },
  },
  {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "database", namespace: "shop" },
    type: "Opaque",
    stringData: { password: SECRET },
  },
];
