import { expect, test } from "vitest";
import { stringify } from "yaml";
import { alice, bob, START } from "../suite/fixtures.ts";
import { eventually, githubRig } from "./rig.ts";

function file(name: string, changes: Record<string, unknown> = {}): string {
  return stringify({
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "PolicyException",
    metadata: { name },
    spec: {
      rules: ["workload/host-path"],
      subjects: [{ group: "corp:devs" }],
      match: { connection: "prod", namespaces: ["a"], resources: ["/pods"] },
      policy: { revision: "b1/g1" },
      requestedBy: { issuer: "corp", username: bob.username, session: "s-1" },
      reason: "an old chart",
      notAfter: new Date(START + 86_400_000).toISOString(),
      ...changes,
    },
  });
}
const ASKED = {
  connection: { name: "prod" },
  user: { issuer: "corp", username: "corp:x", groups: ["corp:devs"] },
  request: {
    verb: "create",
    operation: "CREATE",
    resource: { group: "", resource: "pods" },
    subResource: "",
    nonResource: false,
    namespace: "a",
    name: "p",
  },
};

test("what is on main stands, what is taken off stands no more, and malformed files stand for nothing", async () => {
  const rig = await githubRig();
  await rig.putStanding("old-chart", file("old-chart"), bob);
  await rig.putStanding("broken", "kind: PolicyException\n", bob);
  expect(rig.home.standing.candidates(ASKED).sure.map(({ name }) => name)).toEqual(["old-chart"]);
  expect(rig.home.status().malformed.map(({ name }) => name)).toEqual(["broken"]);
  let told = 0;
  rig.home.standing.onChange(() => told++);
  await rig.takeOffMain("old-chart");
  await rig.home.refresh();
  expect(rig.home.standing.size).toBe(0);
  expect(told).toBe(1);
});

test("a person's pull request with a malformed exception gets a comment that says why, once", async () => {
  const rig = await githubRig();
  const files = { "exceptions/broken.yaml": "kind: PolicyException\n" };
  const number = await rig.github.as("bob").open({ title: "Add", head: "add", files });
  await rig.home.refresh();
  await eventually(() => rig.github.state.pull(number).comments.length === 1);
  expect(rig.github.state.pull(number).comments[0]?.body).toContain("apiVersion");
  await rig.github.as("bob").comment(number, "thanks");
  await rig.home.refresh();
  await rig.home.close();
  expect(rig.github.state.pull(number).comments).toHaveLength(2);
});

test("a standing exception is taken back by the control API on every gateway, and another file of its name may stand", async () => {
  const rig = await githubRig();
  const other = await rig.open();
  await rig.putStanding("old-chart", file("old-chart"), bob);
  await other.refresh();
  expect(other.standing.size).toBe(1);
  await rig.home.standing.remove("old-chart", alice, "no more");
  expect(rig.home.standing.size).toBe(0);
  await other.refresh();
  expect(other.standing.size).toBe(0);
  await rig.github.as("bob").push("main", { "exceptions/old-chart.yaml": file("old-chart", { reason: "again" }) });
  await other.refresh();
  expect(other.standing.size).toBe(1);
});

test("uses of a standing exception are counted across gateways and restarts", async () => {
  const rig = await githubRig();
  await rig.putStanding("twice", file("twice", { maxUses: 2 }), bob);
  const other = await rig.open();
  expect(await rig.home.standing.use("twice", "x-1")).toBe(true);
  expect(await rig.home.standing.use("twice", "x-1")).toBe(true);
  expect(await other.standing.use("twice", "x-2")).toBe(true);
  expect(await rig.home.standing.use("twice", "x-3")).toBe(false);
  const again = await rig.open();
  expect(again.standing.candidates(ASKED).sure).toEqual([]);
});

test("three hundred standing exceptions are read with one tarball", async () => {
  const names = Array.from({ length: 300 }, (_, n) => `e-${n}`);
  const files = Object.fromEntries(names.map((name) => [`exceptions/${name}.yaml`, file(name)]));
  const rig = await githubRig({ github: { files: { "README.md": "x", ...files } } });
  expect(rig.home.standing.size).toBe(300);
  expect(rig.github.requests.filter(({ path }) => path.includes("/git/blobs/"))).toHaveLength(0);
  await rig.github.as("bob").push("main", { "exceptions/e-7.yaml": file("e-7", { reason: "changed" }) });
  await rig.home.refresh();
  expect(rig.github.requests.filter(({ path }) => path.includes("/git/blobs/"))).toHaveLength(1);
});
