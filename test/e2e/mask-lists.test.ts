import { beforeAll, expect, test } from "vitest";
import { stringify } from "yaml";
import { openWorld, type World } from "./harness.ts";

const NS = ["-n", "listed"];
const COUNT = 60;
/** The API server compresses from 128 KiB on, and the gateway masks item by item from there. */
const PADDING = "x".repeat(4_000);
const VALUE = "correct-horse-battery-staple";
const RAW = "/api/v1/namespaces/listed";

let world: World;
beforeAll(async () => {
  world = await openWorld({
    guardrails: {
      scopes: [{ name: "lists", match: { namespaces: ["listed"] }, rules: { "secrets/list": { effect: "mask" } } }],
      masks: [{ group: "", resource: "configmaps", fields: ["data['db-password']"] }],
    },
  });
  await world.admin(["create", "namespace", "listed"]);
  const numbers = Array.from({ length: COUNT }, (_, i) => String(i).padStart(2, "0"));
  const objects = numbers.flatMap((n) => [
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: `c-${n}`, labels: { html: "a" } },
      data: {
        page: `${n === "10" ? "<b>" : "b"}${"y".repeat(4_000)}`,
        ...(n === "30" ? { "db-password": VALUE } : {}),
      },
    },
    {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: `s-${n}` },
      stringData: { password: `${VALUE}-${n}`, padding: PADDING },
    },
  ]);
  const made = await world.admin(
    ["create", ...NS, "-f", "-"],
    objects.map((object) => stringify(object)).join("---\n"),
  );
  expect(made.code).toBe(0);
});

const names = (json: string): string[] =>
  (JSON.parse(json).items as { metadata: { name: string } }[]).map(({ metadata }) => metadata.name);

test("a list of Secrets that a real API server compresses is masked, each of them", async () => {
  const [masked, direct] = await Promise.all([
    world.kubectl(["get", "secrets", ...NS, "-o", "json"]),
    world.admin(["get", "secrets", ...NS, "-o", "json"]),
  ]);
  expect([masked.code, masked.stderr]).toEqual([0, ""]);
  expect(names(masked.stdout)).toEqual(names(direct.stdout));
  expect(names(masked.stdout)).toHaveLength(COUNT);
  expect(masked.stdout).not.toContain(VALUE);
  expect(masked.stdout).not.toContain(Buffer.from(VALUE).toString("base64").slice(0, 30));
});

test.each([
  ["a Table", []],
  ["a Table in pages", ["--chunk-size", "7"]],
  ["names", ["-o", "name"]],
])("%s of them is what kubectl shows directly", async (_title, args) => {
  const strip = (text: string): string => text.replace(/\d+[smh]\d*s?/g, "AGE").replace(/ +/g, " ");
  const [masked, direct] = await Promise.all([
    world.kubectl(["get", "secrets", ...NS, ...args]),
    world.admin(["get", "secrets", ...NS, ...args]),
  ]);
  expect(masked.code).toBe(0);
  expect(strip(masked.stdout)).toBe(strip(direct.stdout));
});

test("of a list in which one item is masked, all the others are the API server's own bytes", async () => {
  const [masked, direct] = await Promise.all([
    world.kubectl(["get", "--raw", `${RAW}/configmaps`]),
    world.admin(["get", "--raw", `${RAW}/configmaps`]),
  ]);
  expect(masked.code).toBe(0);
  expect(masked.stdout).not.toContain(VALUE);
  // Two reads at once: the list's own version, and what a controller adds to the namespace, may be of either.
  const items = (text: string): string[] =>
    text
      .slice(text.indexOf('"items":[') + 9, text.lastIndexOf("]}"))
      .split(/(?<=\}),(?=\{"metadata")/)
      .filter((item) => item.startsWith('{"metadata":{"name":"c-'));
  const theirs = items(direct.stdout);
  expect(theirs).toHaveLength(COUNT);
  expect(items(masked.stdout)).toHaveLength(COUNT);
  const differ = items(masked.stdout).flatMap((item, i) => (item === theirs[i] ? [] : [[item, theirs[i] ?? ""]]));
  // Go writes < as an escape: such an item is looked at closely, and written anew as JavaScript does.
  const read = (item = ""): { data: unknown } => JSON.parse(item);
  expect(differ).toHaveLength(2);
  expect(read(differ[0]?.[0])).toEqual(read(differ[0]?.[1]));
  expect(read(differ[1]?.[0]).data).toMatchObject({ "db-password": "**sallyport-masked**" });
});
