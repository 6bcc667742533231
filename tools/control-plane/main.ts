/**
 * Starts a control plane by hand, until Ctrl-C.
 *
 *   node tools/control-plane/main.ts [--kubelet] [directory to keep]
 */
import { UserError } from "../../base/errors.ts";
import { startControlPlane } from "./start.ts";

try {
  const kubelet = process.argv[2] === "--kubelet";
  const directory = process.argv[kubelet ? 3 : 2];
  const plane = await startControlPlane({ kubelet, ...(directory === undefined ? {} : { directory }) });
  // Before anybody is told that it runs, and can ask it to end.
  const interrupted = new Promise<undefined>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve(undefined));
  });
  process.stdout.write(
    [
      `server      ${plane.server}`,
      `directory   ${plane.directory}`,
      `audit log   ${plane.auditLogFile}`,
      `as admin    ${plane.kubectl} --kubeconfig ${plane.adminKubeconfig} get namespaces`,
      "",
    ].join("\n"),
  );
  const failure = await Promise.race([interrupted, plane.failed]);
  await plane.stop();
  if (failure !== undefined) throw new UserError(failure);
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  process.stderr.write(`${[error.message, error.next].filter(Boolean).join("\n")}\n`);
  process.exitCode = error.exitCode;
}
