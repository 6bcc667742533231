import type { Row } from "./cell.ts";
import { debug, exec, nodesProxy, portForward } from "./rows/access.ts";
import { admission, cloud, csrs, evidence, impersonationHeaders, rbac, recon, tenancy } from "./rows/control.ts";
import { destruction, network, nodes, persistence, storage, systemNamespaces } from "./rows/operations.ts";
import { consumingSecrets, secretsList, secretsRead, secretsWrite, serviceAccountTokens } from "./rows/secrets.ts";
import { digests, escapeFields, hostPath, registries, scheduling, schedulingByParams, tags } from "./rows/workload.ts";

/** policy-coverage.md in its order; a row of several effects stands once for each. */
export const ROWS: readonly Row[] = [
  exec,
  portForward,
  debug,
  nodesProxy,
  secretsList,
  secretsRead,
  secretsWrite,
  consumingSecrets,
  serviceAccountTokens,
  rbac,
  impersonationHeaders,
  csrs,
  admission,
  escapeFields,
  hostPath,
  scheduling,
  schedulingByParams,
  registries,
  tags,
  digests,
  systemNamespaces,
  persistence,
  nodes,
  storage,
  destruction,
  network,
  cloud,
  evidence,
  tenancy,
  recon,
];
