import type { Schemas } from "@/api/client";
import type { Operation } from "@/api/progress";
import { bytes, count, duration, plural } from "@/ui/format";

type Report = Schemas["Report"];
export type Check = Schemas["PreflightCheck"];

/** Found is what came of an operation, in a few lines. */
export type Found = { facts: [name: string, value: string][]; checks: Check[]; verdict: string };

/** found reads a result, whose shape the operation's kind decides. What is missing is left out. */
export function found(o: Operation): Found {
  const out: Found = { facts: [], checks: [], verdict: "" };
  const result = object(o.result);
  if (!result) return out;
  const report = object(result.report) ?? result;
  if (o.kind === "plan") return { ...out, facts: ofPlan(report as Partial<Schemas["Plan"]>) };
  if (Array.isArray(report.checks) && o.kind === "check") return { ...out, checks: report.checks as Check[] };
  if ("verdict" in report) return ofReport(o, report as Partial<Report>);
  return { ...out, facts: scalars(result) };
}

function ofReport(o: Operation, r: Partial<Report>): Found {
  const tables = r.tables ?? [];
  const sum = (of: (t: Schemas["TableReport"]) => number | undefined) => tables.reduce((n, t) => n + (of(t) ?? 0), 0);
  const facts: [string, string][] = [];
  if (tables.length) {
    facts.push(["Tables", count(tables.length)], ["Rows read", count(sum((t) => t.read))]);
    if (o.kind !== "verify") facts.push(["Rows loaded", count(sum((t) => t.loaded))]);
    facts.push(["Rows proven", count(sum((t) => t.verified))]);
    facts.push(["In quarantine", count(sum((t) => t.quarantined))], ["Differing", count(sum((t) => t.differing))]);
  }
  if (o.kind === "migrate" && tables.length)
    facts.push(["Swapped in", r.swapped ? "yes" : "no: the target is as it was"]);
  if (r.backup) facts.push(["Copy of the source", r.backup]);
  if (r.seconds) facts.push(["Took", duration(r.seconds)]);
  return { facts, checks: (r.preflight?.checks ?? []).filter((c) => c.result !== "pass"), verdict: r.verdict ?? "" };
}

function ofPlan(p: Partial<Schemas["Plan"]>): [string, string][] {
  const tables = p.tables ?? [];
  const misfits = tables.reduce((n, t) => n + (t.columns ?? []).reduce((m, c) => m + (c.misfits ?? 0), 0), 0);
  const out: [string, string][] = [
    ["Tables", count(tables.length)],
    ["Rows", count(tables.reduce((n, t) => n + t.rows, 0))],
    ["Values that do not fit", count(misfits)],
    ["Left behind", p.left?.length ? plural(p.left.length, "thing") : "nothing"],
  ];
  if (p.source?.bytes) out.push(["Size of the source", bytes(p.source.bytes)]);
  return out;
}

const words: Record<string, string> = {
  to: "Target",
  source: "Source",
  schema: "Schema",
  strategy: "Strategy",
  capacity: "Capacity",
  nodes: "Nodes",
  retention_days: "Days of history",
  on_misfit: "What does not fit",
  on_orphan: "Rows without a parent",
  jobs: "Tables at a time",
  host: "Host",
  api_state: "State of the API",
  postgres_version: "PostgreSQL",
  uid: "UID",
};

/** named writes the name of a field for people: retention_days is Days of history, no_backup is No backup. */
export function named(field: string): string {
  const text = words[field] ?? field.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** scalars are the fields of an object that are one value each, with names for people. */
export function scalars(value: unknown): [name: string, value: string][] {
  return Object.entries(object(value) ?? {}).flatMap(([field, v]): [string, string][] => {
    if (typeof v === "string" && v) return [[named(field), v]];
    if (typeof v === "number") return [[named(field), field === "size_limit" ? bytes(v) : String(v)]];
    if (typeof v === "boolean") return [[named(field), v ? "yes" : "no"]];
    return [];
  });
}

/** nested are the fields that are more than one value: a plan, for example. */
export function nested(value: unknown): string[] {
  return Object.entries(object(value) ?? {})
    .filter(([, v]) => typeof v === "object" && v !== null)
    .map(([field]) => named(field));
}

function object(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
}
