import type { Schemas } from "@/api/client";
import type { Plan, PlanColumn } from "./plan";

export type ReportOf = Schemas["Report"];
export type TableReport = Schemas["TableReport"];

/** isReport says whether the result of an operation is a report. */
export function isReport(result: unknown): result is ReportOf {
  return (
    typeof result === "object" && result !== null && "swapped" in result && "verdict" in result && "tables" in result
  );
}

/** Proof is how a table came out of the comparison. */
export type Proof = "equal" | "different" | "unproven";

/**
 * proofOf says equal only when every row that was read is on the target or in quarantine, and each of those on the target was
 * compared and is the same.
 */
export function proofOf(t: TableReport): Proof {
  if (t.error || t.differing > 0) return "different";
  if (t.verified === 0 && t.read > 0 && t.loaded > 0) return "unproven";
  return t.read === t.loaded + t.quarantined && t.verified === t.loaded ? "equal" : "different";
}

export type Totals = {
  tables: number;
  read: number;
  loaded: number;
  verified: number;
  quarantined: number;
  changed: number;
  differing: number;
};

export function totals(r: ReportOf): Totals {
  const sum: Totals = { tables: 0, read: 0, loaded: 0, verified: 0, quarantined: 0, changed: 0, differing: 0 };
  for (const t of r.tables ?? []) {
    sum.tables++;
    sum.read += t.read;
    sum.loaded += t.loaded;
    sum.verified += t.verified;
    sum.quarantined += t.quarantined;
    sum.changed += (t.nulled ?? 0) + (t.replaced ?? 0);
    sum.differing += t.differing;
  }
  return sum;
}

/** Converted is a column whose values have another form or type on the target. */
export type Converted = { table: string; column: PlanColumn };

const plain: Record<string, string> = { text: "text", integer: "bigint", real: "double precision", bytes: "bytea" };

/** convertedBy lists what a plan converts, where the source's own form does not simply stay. */
export function convertedBy(plan: Plan | undefined): Converted[] {
  return (plan?.tables ?? []).flatMap((t) =>
    t.skip
      ? []
      : (t.columns ?? [])
          .filter((c) => !c.skip && (plain[c.convert] !== c.type || (c.samples?.length ?? 0) > 0))
          .filter((c) => c.convert !== "text" || (c.samples?.length ?? 0) > 0)
          .map((column) => ({ table: t.name, column })),
  );
}

/** Reason is the rows of a table that are in quarantine for the same column and the same kind of reason. */
export type Reason = {
  column: string;
  action: "quarantined" | "nulled" | "replaced";
  reason: string;
  count: number;
  rows: Schemas["QuarantinedRow"][]; // those that the report names
};

/**
 * reasonsOf groups what a table has in quarantine: by the instance's own sums, which count all rows, or else by the first rows,
 * which the report names.
 */
export function reasonsOf(
  t: TableReport,
  r: ReportOf,
  sums: Schemas["QuarantineReason"][] | null | undefined,
): Reason[] {
  const named = t.quarantine ?? [];
  const mine = (sums ?? []).filter(
    (s) => s.table === t.name && s.schema === r.target.schema && s.migration === r.migration,
  );
  if (!mine.length) return reasons(named);
  return mine.map((s) => ({
    column: s.column,
    action: s.action,
    reason: s.reasons > 1 ? kindOf(s.reason) : s.reason,
    count: s.rows,
    rows: named.filter((n) => n.column === s.column && n.action === s.action),
  }));
}

/** reasons groups rows: values in a reason are left out, so that a thousand misfits of one kind are one line. */
export function reasons(rows: Schemas["QuarantinedRow"][]): Reason[] {
  const groups = new Map<string, Reason>();
  for (const row of rows) {
    const action = row.action as Reason["action"];
    const reason = kindOf(row.reason);
    const key = JSON.stringify([row.column, action, reason]);
    const group = groups.get(key) ?? { column: row.column, action, reason, count: 0, rows: [] };
    group.rows.push(row);
    group.count++;
    groups.set(key, group);
  }
  return [...groups.values()].sort((a, b) => b.count - a.count);
}

const kindOf = (reason: string) =>
  reason
    .replaceAll(/"(?:[^"\\]|\\.)*"/g, "…")
    .replaceAll(/(?<![\w.])-?\d[\d.,e+-]*/gi, "…")
    .trim();

/** original is a value of the source as the quarantine keeps it, by its storage class: {"text":"soon"} is "soon". */
export function original(cell: Schemas["Cell"]): string {
  if (cell.text === null) return "NULL";
  try {
    const value: unknown = JSON.parse(cell.text);
    if (value === null) return "NULL";
    if (typeof value !== "object") return String(value);
    const [[kind, held] = []] = Object.entries(value);
    if (kind === "text") return JSON.stringify(held);
    return kind === "blob" ? `blob ${held}` : String(held);
  } catch {
    return `${cell.text}${cell.cut ? "…" : ""}`;
  }
}
