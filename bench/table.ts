const AIMS = {
  most: { sign: "≤", met: (value: number, aim: number): boolean => value <= aim },
  least: { sign: "≥", met: (value: number, aim: number): boolean => value >= aim },
  exactly: { sign: "=", met: (value: number, aim: number): boolean => value === aim },
};

/** One figure of the bench; `aim` is met or missed, or there is none. */
export interface Row {
  what: string;
  value: number;
  unit: string;
  aim?: { at: keyof typeof AIMS; value: number };
  /** What it was measured beside. */
  beside?: string;
}

export type Verdict = "met" | "missed" | "";

export function verdict({ value, aim }: Row): Verdict {
  if (aim === undefined) return "";
  return AIMS[aim.at].met(value, aim.value) ? "met" : "missed";
}

export function renderTable(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    row.what,
    `${format(row.value)} ${row.unit}`.trim(),
    row.aim === undefined ? "" : `${AIMS[row.aim.at].sign} ${row.aim.value}`,
    verdict(row),
    row.beside ?? "",
  ]);
  const head = ["what", "measured", "aim", "", "beside"];
  const widths = head.map((title, i) => Math.max(title.length, ...cells.map((cell) => (cell[i] ?? "").length)));
  return [head, ...cells]
    .map((cell) =>
      cell
        .map((text, i) => text.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function format(value: number): string {
  if (!Number.isFinite(value)) return "none";
  return Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(3);
}
