import type { Finding } from "./leaks.ts";
import { type Scene, textOf } from "./scene.ts";

/** Numbers of linux/capability.h with which a process gets at its node, or at others' traffic. */
const CAPABILITIES: readonly [bit: bigint, name: string][] = [
  [2n, "CAP_DAC_READ_SEARCH"],
  [12n, "CAP_NET_ADMIN"],
  [13n, "CAP_NET_RAW"],
  [16n, "CAP_SYS_MODULE"],
  [17n, "CAP_SYS_RAWIO"],
  [18n, "CAP_SYS_CHROOT"],
  [19n, "CAP_SYS_PTRACE"],
  [21n, "CAP_SYS_ADMIN"],
  [27n, "CAP_MKNOD"],
  [38n, "CAP_PERFMON"],
  [39n, "CAP_BPF"],
];

interface OwnProcess {
  uid: number | undefined;
  gids: number[];
  capabilities: bigint;
  noNewPrivileges: boolean | undefined;
}

/** proc_pid_status(5); where there is no /proc, only who this is. */
export function ownProcess(scene: Scene): OwnProcess {
  const status = textOf(scene, "/proc/self/status") ?? "";
  const of = (name: string): string[] => new RegExp(`^${name}:\\s*(.*)$`, "m").exec(status)?.[1]?.split(/\s+/) ?? [];
  const [, uid = process.geteuid?.()] = of("Uid").map(Number);
  const [, gid = process.getegid?.()] = of("Gid").map(Number);
  const [capabilities = "0"] = of("CapEff");
  const [noNewPrivileges] = of("NoNewPrivs");
  return {
    uid,
    gids: [
      ...(gid === undefined ? [] : [gid]),
      ...of("Groups")
        .filter((one) => one !== "")
        .map(Number),
    ],
    capabilities: /^[0-9a-f]+$/.test(capabilities) ? BigInt(`0x${capabilities}`) : 0n,
    noNewPrivileges: noNewPrivileges === undefined ? undefined : noNewPrivileges === "1",
  };
}

/** What the pod's securityContext should have taken away. Of a container alone: at a workstation nobody expects it. */
export function privileges(scene: Scene): Finding[] {
  if (!scene.contained) return [];
  const { uid, capabilities, noNewPrivileges } = ownProcess(scene);
  const findings: Finding[] = [];
  if (uid === 0) findings.push({ detail: "this runs as root", next: "Set runAsNonRoot: true and runAsUser." });
  const held = CAPABILITIES.filter(([bit]) => ((capabilities >> bit) & 1n) === 1n).map(([, name]) => name);
  if (held.length > 0)
    findings.push({
      detail: `holds ${held.join(", ")}`,
      next: 'Set capabilities: {drop: ["ALL"]}, and no privileged.',
    });
  if (noNewPrivileges === false)
    findings.push({
      detail: "a setuid program gives more rights than this process has",
      next: "Set allowPrivilegeEscalation: false.",
      result: "warn",
    });
  return findings;
}
