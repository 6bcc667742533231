import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { DASHBOARDS, fileOf } from "./dashboards.ts";

/** Writes deploy/grafana/*.json: `npm run dashboards`. */
for (const [name, dashboard] of Object.entries(DASHBOARDS)) {
  writeFileSync(join(import.meta.dirname, "..", `${name}.json`), fileOf(dashboard));
}
