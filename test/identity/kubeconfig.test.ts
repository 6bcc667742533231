import { execFileSync, spawnSync } from "node:child_process";
import {
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { UserError } from "../../base/errors.ts";
import { kubeconfigPath } from "../../cli/kubeconfig.ts";
import { mergeKubeconfig } from "../../cli/kubeconfig-merge.ts";

const MAIN = join(import.meta.dirname, "../../cli/main.ts");
const entries = {
  name: "sallyport-prod",
  cluster: { server: "https://gw.test/connections/prod", "certificate-authority-data": "Q0E=" },
  user: { exec: { apiVersion: "client.authentication.k8s.io/v1", command: "node", interactiveMode: "Never" } },
};
const OTHERS = `# mine, by hand
apiVersion: v1
kind: Config
current-context: home # where I work
preferences: {}
clusters:
  - name: home
    cluster: {server: "https://10.0.0.1:6443"}  # the closet
contexts:
  - name: home
    context: {cluster: home, user: me}
users:
  - name: me
    user:
      token: abc
`;

describe("merging a kubeconfig", () => {
  it("adds one cluster, user and context, and keeps everything else, comments and the current context too", () => {
    const merged = mergeKubeconfig(OTHERS, entries, "config");
    for (const comment of ["# mine, by hand", "# where I work", "# the closet"]) expect(merged).toContain(comment);
    const [before, after] = [parse(OTHERS), parse(merged)];
    expect(after["current-context"]).toBe("home");
    for (const list of ["clusters", "contexts", "users"]) {
      expect(after[list].slice(0, 1)).toEqual(before[list]);
      expect(after[list][1].name).toBe("sallyport-prod");
    }
  });
  it("twice changes nothing more, and a changed server replaces its entry", () => {
    const once = mergeKubeconfig(OTHERS, entries, "config");
    expect(mergeKubeconfig(once, entries, "config")).toBe(once);
    const moved = { ...entries, cluster: { server: "https://new.test/connections/prod" } };
    const { clusters } = parse(mergeKubeconfig(once, moved, "config"));
    expect(clusters[1]).toEqual({ name: "sallyport-prod", cluster: moved.cluster });
    expect(clusters).toHaveLength(2);
  });
  it.each([
    ["an empty file", ""],
    ["lists that kubectl emptied", "apiVersion: v1\nkind: Config\nclusters: null\ncontexts: []\nusers: null\n"],
    ["JSON, which is YAML", '{"apiVersion":"v1","kind":"Config","clusters":[]}'],
  ])("works on %s", (_title, text) => {
    const merged = parse(mergeKubeconfig(text, entries, "config"));
    expect(merged).toMatchObject({
      kind: "Config",
      "current-context": "sallyport-prod",
      users: [{ name: "sallyport-prod" }],
    });
  });
  it.each([
    ["broken YAML", "clusters: [", /is not YAML/],
    ["a list", "- 1", /is not a kubeconfig/],
    ["clusters that are a map", "clusters: {a: 1}", /clusters that are not a list/],
  ])("refuses %s and says that nothing was changed", (_title, text, message) => {
    expect(() => mergeKubeconfig(text, entries, "config")).toThrow(UserError);
    expect(() => mergeKubeconfig(text, entries, "config")).toThrow(message);
  });
});

describe("the kubeconfig command", () => {
  let folder: string;
  let ca: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "sallyport-kubeconfig-"));
    ca = join(folder, "ca.crt");
    execFileSync(
      "openssl",
      [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "1",
        "-subj",
        "/CN=ca",
        "-keyout",
        join(folder, "ca.key"),
        "-out",
        ca,
      ],
      { stdio: "ignore" },
    );
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  let config: string;
  beforeEach(() => {
    config = join(mkdtempSync(join(folder, "t-")), "config");
  });

  function run(args: string[], env: Record<string, string> = {}) {
    const settings = { SALLYPORT_URL: "https://gw.test", SALLYPORT_CONNECTION: "prod", SALLYPORT_CA_FILE: ca };
    const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, "kubeconfig", ...args], {
      encoding: "utf8",
      env: { PATH: process.env.PATH, HOME: folder, KUBECONFIG: config, ...settings, ...env },
    });
    return { status, stdout, stderr };
  }

  it("prints a whole kubeconfig with the exec plugin and the gateway's authority", () => {
    const { status, stdout } = run([]);
    const [cluster, user] = [parse(stdout).clusters[0].cluster, parse(stdout).users[0].user];
    expect(status).toBe(0);
    expect(cluster.server).toBe("https://gw.test/connections/prod");
    expect(Buffer.from(cluster["certificate-authority-data"], "base64").toString()).toBe(readFileSync(ca, "utf8"));
    expect(user.exec).toMatchObject({ apiVersion: "client.authentication.k8s.io/v1", interactiveMode: "Never" });
    expect(user.exec.args.slice(1)).toEqual(["credential", "--server", "https://gw.test"]);
    expect(stdout).not.toMatch(/token/);
  });
  it("merges in place for the owner alone, through a link, and leaves nothing beside it", () => {
    const real = `${config}.real`;
    writeFileSync(real, OTHERS, { mode: 0o644 });
    symlinkSync(real, config);
    expect(run(["--merge"])).toMatchObject({ status: 0, stderr: "" });
    expect(lstatSync(config).isSymbolicLink()).toBe(true);
    expect(statSync(real).mode & 0o777).toBe(0o600);
    expect(parse(readFileSync(real, "utf8")).contexts).toHaveLength(2);
    expect(readdirSync(join(config, "..")).sort()).toEqual(["config", "config.real"]);
  });
  it("leaves a file that it cannot read as it is, with exit 2", () => {
    writeFileSync(config, "clusters: [");
    expect(run(["--merge"])).toMatchObject({ status: 2, stdout: "" });
    expect(readFileSync(config, "utf8")).toBe("clusters: [");
  });
  it("asks for the connection where none is known, with exit 2", () => {
    expect(run([], { SALLYPORT_CONNECTION: "" })).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("--connection"),
    });
  });
  it("writes to the first file of KUBECONFIG that exists, as kubectl does", () => {
    writeFileSync(config, OTHERS);
    expect(kubeconfigPath({ KUBECONFIG: `${config}.none:${config}` })).toBe(config);
    expect(kubeconfigPath({ KUBECONFIG: `${config}.a:${config}.b` })).toBe(`${config}.b`);
    expect(kubeconfigPath({ HOME: "/home/x" })).toBe("/home/x/.kube/config");
  });
});
