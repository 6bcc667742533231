import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** @typedef {"opa" | "regal" | "kubectl" | "etcd" | "kube-controller-manager" | "kube-apiserver"} PinnedName */
/** @typedef {"stub-kubelet" | "oracle-objects" | "oracle-fields" | "oracle-attributes" | "oracle-encodings" | "oracle-audit" | "oracle-decisions" | "oracle-podsecurity" | "go-client"} ProgramName */
/** @typedef {PinnedName | ProgramName} ToolName */

/**
 * @typedef {object} Pin
 * @property {ToolName} name
 * @property {string} folder the Go module that pins it
 * @property {string} package what `go build` builds
 * @property {string} version as its go.mod has it
 * @property {string[]} flags for `go build`
 * @property {string[]} probe arguments that make it print its version
 * @property {RegExp | null} prints what it then prints, if it is the pinned version; null for our own, which is on no PATH
 * @property {string} key changes with whatever changes what is built, the Go release aside
 * @property {string} cold how long a build takes with an empty Go cache, on two cores
 */

const OPA = "github.com/open-policy-agent/opa";
const REGAL = "github.com/open-policy-agent/regal";
const ETCD = "go.etcd.io/etcd/server/v3";
const KUBERNETES = "k8s.io/kubernetes";

/**
 * Programs in Go of our own, a main package each: `folder` is a module beside this one's, `package` stands in it.
 * Whatever changes a source of the module builds it anew.
 *
 * @type {{name: ProgramName, folder: string, package: string, cold: string}[]}
 */
const PROGRAMS = [
  { name: "stub-kubelet", folder: "kubelet", package: ".", cold: "a minute" },
  { name: "go-client", folder: "goclient", package: ".", cold: "two minutes" },
  { name: "oracle-podsecurity", folder: "podsecurity", package: ".", cold: "half a minute" },
  { name: "oracle-fields", folder: "oracle", package: "./fields", cold: "a minute" },
  { name: "oracle-attributes", folder: "oracle", package: "./attributes", cold: "a minute" },
  { name: "oracle-encodings", folder: "oracle", package: "./encodings", cold: "a minute" },
  { name: "oracle-audit", folder: "oracle", package: "./audit", cold: "a minute" },
  { name: "oracle-decisions", folder: "policy", package: "./decisions", cold: "a minute" },
  { name: "oracle-objects", folder: "oracle", package: "./objects", cold: "a minute" },
];

/** The quickest to build first. @type {{name: PinnedName, module: string, command?: string, probe: string[], says: string, cold: string}[]} */
const TOOLS = [
  { name: "opa", module: OPA, probe: ["version"], says: "Version: ", cold: "a minute" },
  { name: "regal", module: REGAL, probe: ["version"], says: "Version: ", cold: "half a minute" },
  { name: "etcd", module: ETCD, probe: ["--version"], says: "etcd Version: ", cold: "a minute" },
  {
    name: "kubectl",
    module: KUBERNETES,
    command: "cmd/kubectl",
    probe: ["version", "--client"],
    says: "Client Version: ",
    cold: "a minute",
  },
  {
    name: "kube-apiserver",
    module: KUBERNETES,
    command: "cmd/kube-apiserver",
    probe: ["--version"],
    says: "Kubernetes ",
    cold: "four minutes",
  },
  {
    name: "kube-controller-manager",
    module: KUBERNETES,
    command: "cmd/kube-controller-manager",
    probe: ["--version"],
    says: "Kubernetes ",
    cold: "a minute",
  },
];

/** Version variables that the projects' own release scripts set by linker flag. @param {string} module @param {string} version */
function versionFlags(module, version) {
  if (module === REGAL) return [`-X ${REGAL}/pkg/version.Version=${version.slice(1)}`];
  if (module !== KUBERNETES) return [];
  const [major, minor] = version.slice(1).split(".");
  const variables = [`gitVersion=${version}`, `gitMajor=${major}`, `gitMinor=${minor}`];
  // component-base is what a server and `kubectl version` report, client-go what stands in the User-Agent.
  return ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"].flatMap((name) =>
    variables.map((variable) => `-X ${name}.${variable}`),
  );
}

/** The version that a go.mod requires of a module. @param {string} goMod @param {string} module */
function required(goMod, module) {
  const line = goMod.split("\n").find((text) => text.trim().startsWith(`${module} v`));
  const version = line?.trim().split(" ")[1];
  if (version === undefined) throw new Error(`go.mod does not require ${module}`);
  return version;
}

const BUILD = ["-mod=readonly", "-buildvcs=false", "-trimpath", "-ldflags"];

/** @param {unknown[]} what */
function keyOf(...what) {
  return createHash("sha256").update(JSON.stringify(what)).digest("hex").slice(0, 16);
}

/**
 * Each tool: the pinned ones, and our own programs. go.mod and go.sum are the only place that a version stands in.
 *
 * @returns {Pin[]}
 */
export function pins() {
  return [...pinned(), ...programs()];
}

/** @returns {Pin[]} */
function programs() {
  return PROGRAMS.map(({ name, folder: at, package: pkg, cold }) => {
    const folder = fileURLToPath(new URL(`../${at}`, import.meta.url));
    const flags = [...BUILD, "-s -w"];
    const sources = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter(
        (entry) => entry.isFile() && /(\.go|^go\.(mod|sum))$/.test(entry.name) && !entry.name.endsWith("_test.go"),
      )
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((file) => [file.slice(folder.length), readFileSync(file, "utf8")]);
    const key = keyOf(pkg, flags, process.platform, process.arch, sources);
    return { name, folder, package: pkg, version: key, flags, probe: [], prints: null, key, cold };
  });
}

/** @returns {Pin[]} */
function pinned() {
  return TOOLS.map((tool) => {
    const folder = fileURLToPath(
      new URL(tool.module === OPA || tool.module === REGAL ? "../policy" : "../controlplane", import.meta.url),
    );
    const [goMod, goSum] = ["go.mod", "go.sum"].map((file) => readFileSync(join(folder, file), "utf8"));
    const version = required(goMod ?? "", tool.module);
    const pkg = tool.command === undefined ? tool.module : `${tool.module}/${tool.command}`;
    const linker = ["-s", "-w", ...versionFlags(tool.module, version)].join(" ");
    const flags = [...BUILD, linker];
    const text = version.replace(/^v/, "v?").replaceAll(".", "\\.");
    return {
      name: tool.name,
      folder,
      package: pkg,
      version,
      flags,
      probe: tool.probe,
      prints: new RegExp(`^${tool.says.trimEnd()}\\s+${text}$`, "m"),
      key: keyOf(pkg, flags, process.platform, process.arch, goMod, goSum),
      cold: tool.cold,
    };
  });
}

/** Where built tools are kept: outside the checkout, so that a second clone reuses them. */
export function toolCache() {
  return process.env.SALLYPORT_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "sallyport");
}
