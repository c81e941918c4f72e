import type { Schemas } from "@/api/client";
import { plural } from "@/ui/format";
import { type ForeignKey, type Plan, type PlanColumn, type PlanTable, shortType } from "./plan";

/** Decision is something in a plan that a person should look at before it is obeyed. */
export type Decision =
  | { kind: "misfit"; table: PlanTable; column: PlanColumn; count: number; text: string }
  | { kind: "orphan"; table: PlanTable; key: ForeignKey; count: number; text: string }
  | { kind: "check"; table: PlanTable; name: string; count: number; text: string };

/** decisionsOf lists them, those about the most rows first. */
export function decisionsOf(plan: Plan): Decision[] {
  const all: Decision[] = [];
  for (const table of plan.tables ?? []) {
    if (table.skip) continue;
    for (const column of table.columns ?? []) {
      if (column.skip || !column.misfits) continue;
      all.push({ kind: "misfit", table, column, count: column.misfits, text: misfitText(column, column.misfits) });
    }
    for (const key of table.foreign_keys ?? []) {
      if (!key.orphans) continue;
      all.push({
        kind: "orphan",
        table,
        key,
        count: key.orphans,
        text: `${plural(key.orphans, "row refers", "rows refer")} to a row of ${key.table} that does not exist`,
      });
    }
    for (const check of table.checks ?? []) {
      if (!check.violations) continue;
      all.push({
        kind: "check",
        table,
        name: check.name,
        count: check.violations,
        text: `${plural(check.violations, "row breaks", "rows break")} the check ${check.source}: it will hold for new rows only`,
      });
    }
  }
  return all.sort((a, b) => b.count - a.count);
}

function misfitText(c: PlanColumn, n: number): string {
  const first = c.misfit ? ` Row ${c.misfit}` : "";
  return `${plural(n, "value does", "values do")} not fit ${shortType(c.type)}.${first}`;
}

/** Forecast is what will not be stored as it was. */
export type Forecast = { rows: number; quarantined: number; changed: number; kept: number; fails: boolean };

/** forecast adds up what the plan's policies will do. A row counts in the first column that wants it, so nothing counts twice. */
export function forecast(plan: Plan): Forecast {
  const f: Forecast = { rows: 0, quarantined: 0, changed: 0, kept: 0, fails: false };
  for (const t of plan.tables ?? []) {
    if (!t.skip) addTable(f, t);
  }
  return f;
}

function addTable(f: Forecast, t: PlanTable) {
  f.rows += t.rows;
  for (const c of t.columns ?? []) {
    if (c.skip || !c.misfits) continue;
    if (c.on_misfit === "null" || c.on_misfit === "replace") f.changed += c.misfits;
    else if (c.on_misfit === "fail") f.fails = true;
    else if (c.on_misfit !== "widen") f.quarantined += c.misfits;
  }
  for (const k of t.foreign_keys ?? []) {
    if (!k.orphans) continue;
    if (k.on_orphan === "quarantine") f.quarantined += k.orphans;
    else if (k.on_orphan === "null") f.changed += k.orphans;
    else f.kept += k.orphans;
  }
}

/** storageClasses is what a scan of a column has found, the most frequent first. */
export function storageClasses(c: PlanColumn): { name: string; count: number }[] {
  const f = c.found;
  return [
    { name: "integer", count: f.integer ?? 0 },
    { name: "real", count: f.real ?? 0 },
    { name: "text", count: f.text ?? 0 },
    { name: "blob", count: f.blob ?? 0 },
    { name: "null", count: f.null ?? 0 },
  ]
    .filter((x) => x.count > 0)
    .sort((a, b) => Number(a.name === "null") - Number(b.name === "null") || b.count - a.count);
}

/** Refusal is one thing that the server finds wrong with a plan, and where. */
export type Refusal = { table: string; column: string | undefined; text: string };

/** Fault is the same as the server says it. */
export type Fault = Schemas["Fault"];

/** refusals places the faults of a refused plan, whose paths count the tables and columns of the plan that was sent. */
export function refusals(faults: Fault[], plan: Plan): Refusal[] {
  return faults.map((f) => {
    const [, t, c] = /^\$\.tables\[(\d+)\](?:\.columns\[(\d+)\])?/.exec(f.path) ?? [];
    const table = t === undefined ? undefined : plan.tables?.[Number(t)];
    if (!table) return { table: "", column: undefined, text: `${f.where}: ${f.what}` };
    const column = c === undefined ? undefined : table.columns?.[Number(c)]?.name;
    return { table: table.name, column, text: f.what };
  });
}
