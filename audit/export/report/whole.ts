import type { ExportJob } from "../formats.ts";
import type { PackCount } from "./count.ts";
import { html, type Markup, table } from "./html.ts";
import { MOST_ROWS } from "./rows.ts";

/** Whether it is whole, as far as a page can say. */
export function whole({ scope }: ExportJob, count: PackCount): Markup {
  const gaps = (count.kinds.get("recorder.gap") ?? 0) + (count.kinds.get("recorder.torn") ?? 0);
  const signed = new Map(count.proofs.map((proof) => [`${proof.session_id} ${proof.writer}`, proof]));
  const missing = [
    ...count.missingBodies.map((one) => `${one}: no longer in the store`),
    ...count.alteredBodies.map((one) => `${one}: ALTERED`),
  ];
  return html`<h2>What the record holds</h2>
<p>${count.events} events in ${count.chainCount} chains, ${count.bodies} recorded contents.</p>
${gaps === 0 ? "" : html`<p class="warning">The recorder says of ${gaps} places that something is missing there.</p>`}
${missing.length === 0 ? "" : html`<p class="warning">Contents that the events name and the pack has not as they were:</p><ul>${missing.slice(0, MOST_ROWS).map((one) => html`<li>${one}</li>`)}</ul>`}
${table(["Event", "Times"], [...count.kinds].sort())}
<h3>Chains</h3>
${count.chains.length < count.chainCount ? html`<p class="warning">Only the first ${count.chains.length} are listed here.</p>` : ""}
${table(
  ["Session", "Writer", "Events", ...(scope.session === undefined ? [] : ["Signed up to", "By checkpoint"])],
  count.chains.map((chain) => {
    const proof = signed.get(`${chain.session_id} ${chain.writer}`);
    const range = [chain.session_id, chain.writer, `${chain.first} to ${chain.last}`];
    if (scope.session !== undefined) range.push(proof === undefined ? "nothing yet" : String(proof.seq));
    if (scope.session !== undefined) range.push(proof === undefined ? "" : `${proof.log}, ${proof.size} leaves`);
    return range;
  }),
)}`;
}

/** Says that a table has not all rows, where it has not. */
export function capped(rows: number): Markup | string {
  return rows < MOST_ROWS ? "" : html`<p class="warning">Only the first ${MOST_ROWS} are listed here.</p>`;
}
