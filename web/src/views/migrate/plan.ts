import type { Schemas } from "@/api/client";

export type Plan = Schemas["Plan"];
export type PlanTable = Schemas["PlanTable"];
export type PlanColumn = Schemas["PlanColumn"];
export type ForeignKey = Schemas["PlanForeignKey"];
export type Policy = "quarantine" | "widen" | "null" | "fail" | "replace";
export type OrphanPolicy = "keep" | "quarantine" | "null";

/** isPlan says whether the result of an operation is a plan. */
export function isPlan(result: unknown): result is Plan {
  return (
    typeof result === "object" && result !== null && "tables" in result && "source" in result && "schema" in result
  );
}

/** policies are what can happen to a value that its column's type cannot hold. */
export const policies: { value: Policy; title: string; text: string }[] = [
  {
    value: "quarantine",
    title: "Quarantine the row",
    text: "The row is kept whole in lakeward_quarantine, and counted.",
  },
  { value: "widen", title: "Widen the type", text: "The column gets the narrowest type that holds every value." },
  {
    value: "null",
    title: "Store NULL",
    text: "The row is stored with NULL; the original stands in lakeward_quarantine.",
  },
  {
    value: "replace",
    title: "Replace the value",
    text: "Text loses what cannot be held; anything else becomes what you write.",
  },
  { value: "fail", title: "Fail", text: "The migration stops, and the target stays as it was." },
];

/** orphanPolicies are what can happen to a row whose parent does not exist. */
export const orphanPolicies: { value: OrphanPolicy; title: string; text: string }[] = [
  { value: "keep", title: "Keep the rows", text: "The foreign key is NOT VALID: it holds for new rows only." },
  {
    value: "quarantine",
    title: "Quarantine the rows",
    text: "They are kept whole in lakeward_quarantine, and counted.",
  },
  {
    value: "null",
    title: "Store NULL",
    text: "They are stored without a parent; the original stands in lakeward_quarantine.",
  },
];

/** Change is what somebody has changed of a column, a table or a foreign key. */
export type Change = {
  type?: string;
  convert?: string;
  default?: string;
  on_misfit?: Policy;
  replacement?: string;
  on_orphan?: OrphanPolicy;
  skip?: boolean;
};

/** Edits are all changes of a plan, by the place that they are about: see place. */
export type Edits = Readonly<Record<string, Change>>;

/** place names a table, a column of it, or a foreign key of it. */
export const place = {
  table: (table: string) => JSON.stringify([table]),
  column: (table: string, column: string) => JSON.stringify([table, "column", column]),
  key: (table: string, key: string) => JSON.stringify([table, "key", key]),
};

const conversions: Record<string, string> = {
  smallint: "integer",
  integer: "integer",
  bigint: "integer",
  boolean: "boolean",
  "double precision": "real",
  numeric: "decimal",
  text: "text",
  "character varying": "text",
  bytea: "bytes",
  jsonb: "json",
  uuid: "uuid",
  inet: "inet",
  interval: "interval",
  date: "date",
  "time without time zone": "time",
  "timestamp without time zone": "timestamp",
  "timestamp with time zone": "timestamp",
};

/** typed reads a type as a plan lists it among the alternatives: timestamp with time zone (epoch ms). */
export function typed(name: string): { type: string; convert: string } {
  const how = /^(.*) \((epoch seconds|epoch ms|epoch us|julian)\)$/.exec(name);
  if (how?.[1] && how[2]) return { type: how[1], convert: how[2].replaceAll(" ", "_") };
  const base = name.replace(/\([^)]*\)/, "").trim();
  return { type: name, convert: conversions[base] ?? "text" };
}

/** nameOf spells a column's type as the alternatives do. */
export function nameOf(c: Pick<PlanColumn, "type" | "convert">): string {
  return /^(epoch_|julian)/.test(c.convert) ? `${c.type} (${c.convert.replaceAll("_", " ")})` : c.type;
}

/** shortType spells a type as people write it: timestamptz, varchar(40). */
export function shortType(type: string): string {
  return type
    .replace(/^timestamp(\(\d\))? with time zone/, "timestamptz$1")
    .replace(/^(timestamp|time)(\(\d\))? without time zone/, "$1$2")
    .replace(/^character varying/, "varchar");
}

/** choices are the types that a column can have: what was chosen first, then all that every value fits. */
export function choices(base: PlanColumn, now: PlanColumn = base): string[] {
  return [...new Set([nameOf(base), nameOf(now), ...(base.alternatives ?? [])])];
}

/**
 * defaultFor is a column's default when its type becomes another: what has a form of its own there is written in it, and what
 * cannot be of that type is left out.
 */
export function defaultFor(text: string | undefined, to: string): string {
  if (!text) return "";
  const number = /^(?:\()?(-?\d+(?:\.\d+)?)(?:\))?$/.exec(text)?.[1];
  const truth = /^(true|false)$/i.exec(text)?.[1]?.toLowerCase();
  const quoted = /^('(?:[^']|'')*')(?:::[a-z ]+)?$/i.exec(text)?.[1];
  const base = conversions[to.replace(/\s*\([^)]*\)/g, "").trim()] ?? "text";
  const counts = ["integer", "real", "decimal"].includes(base);
  if (base === "bytes") return "";
  if (truth)
    return base === "boolean"
      ? text
      : counts
        ? truth === "true"
          ? "1"
          : "0"
        : base === "text"
          ? truth === "true"
            ? "'1'"
            : "'0'"
          : "";
  if (number)
    return counts
      ? text
      : base === "boolean"
        ? /^[01]$/.test(number)
          ? number === "1"
            ? "TRUE"
            : "FALSE"
          : ""
        : base === "text"
          ? `'${number}'`
          : "";
  if (quoted)
    return base === "text" ? quoted : base === "json" ? `${quoted}::jsonb` : counts || base === "boolean" ? "" : quoted;
  return counts || base === "boolean" || base === "json" ? "" : text;
}

/** changed is a new set of edits with one place changed. What is as the plan has it anyway is no edit. */
export function changed(edits: Edits, plan: Plan, at: string, change: Change): Edits {
  const next: Change = { ...edits[at], ...change };
  if (next.on_misfit !== "replace") delete next.replacement;
  const base = originals(plan, at);
  for (const key of Object.keys(next) as (keyof Change)[]) if (next[key] === base[key]) delete next[key];
  const { [at]: _, ...rest } = edits;
  return Object.keys(next).length ? { ...rest, [at]: next } : rest;
}

function originals(plan: Plan, at: string): Change {
  const [table, kind, name] = JSON.parse(at) as string[];
  const t = plan.tables?.find((x) => x.name === table);
  if (!kind) return { skip: t?.skip ?? false };
  if (kind === "key")
    return { on_orphan: (t?.foreign_keys?.find((k) => k.name === name)?.on_orphan || "keep") as OrphanPolicy };
  const c = t?.columns?.find((x) => x.name === name);
  if (!c) return {};
  return {
    type: c.type,
    convert: c.convert,
    default: c.default ?? "",
    on_misfit: (c.on_misfit || "quarantine") as Policy,
    skip: c.skip ?? false,
    ...(c.replacement === undefined ? {} : { replacement: c.replacement }),
  };
}

/** apply is the plan as the edits make it. What nobody has touched is shared with the plan. */
export function apply(plan: Plan, edits: Edits): Plan {
  if (Object.keys(edits).length === 0) return plan;
  const touched = new Set(Object.keys(edits).map((at) => (JSON.parse(at) as string[])[0]));
  return {
    ...plan,
    tables: (plan.tables ?? []).map((t) => {
      if (!touched.has(t.name)) return t;
      const skip = edits[place.table(t.name)]?.skip;
      return {
        ...t,
        ...(skip === undefined ? {} : { skip }),
        columns: (t.columns ?? []).map((c) => amended(c, edits[place.column(t.name, c.name)])),
        ...(t.foreign_keys
          ? { foreign_keys: t.foreign_keys.map((k) => ({ ...k, ...edits[place.key(t.name, k.name)] })) }
          : {}),
      };
    }),
  };
}

// Every value fits each of the alternatives, so a change of type leaves no misfit; its samples are made by the next check.
function amended(c: PlanColumn, change: Change | undefined): PlanColumn {
  if (!change) return c;
  if (change.type === undefined && change.convert === undefined) return { ...c, ...change };
  const { misfits: _, misfit: __, samples: ___, ...rest } = c;
  return { ...rest, ...change };
}

/**
 * withFindings is a draft with what the server has found when it checked it: types that were widened, misfits and samples.
 * What stays behind is not in the server's answer, and is taken from the draft.
 */
export function withFindings(draft: Plan, found: Plan): Plan {
  const tables = new Map((found.tables ?? []).map((t) => [t.name, t]));
  return {
    ...found,
    tables: (draft.tables ?? []).map((t) => {
      const now = tables.get(t.name);
      if (!now) return t;
      const columns = new Map((now.columns ?? []).map((c) => [c.name, c]));
      return { ...now, columns: (t.columns ?? []).map((c) => (c.skip ? c : (columns.get(c.name) ?? c))) };
    }),
  };
}

/** editsOf finds the edits that make one plan of another, for a page that has forgotten them. */
export function editsOf(base: Plan, edited: Plan): Edits {
  let edits: Edits = {};
  for (const t of edited.tables ?? []) {
    edits = changed(edits, base, place.table(t.name), { skip: t.skip ?? false });
    for (const c of t.columns ?? []) {
      const { type, convert, skip = false, replacement, default: initial = "" } = c;
      const on_misfit = (c.on_misfit || "quarantine") as Policy;
      edits = changed(edits, base, place.column(t.name, c.name), {
        type,
        convert,
        default: initial,
        skip,
        on_misfit,
        ...(replacement === undefined ? {} : { replacement }),
      });
    }
    for (const k of t.foreign_keys ?? []) {
      edits = changed(edits, base, place.key(t.name, k.name), { on_orphan: (k.on_orphan || "keep") as OrphanPolicy });
    }
  }
  return edits;
}

/** countEdits counts what somebody has decided: a type with its conversion is one thing. */
export function countEdits(edits: Edits): number {
  return Object.values(edits).reduce(
    (n, c) =>
      n +
      (c.type !== undefined || c.convert !== undefined || c.default !== undefined ? 1 : 0) +
      (c.on_misfit !== undefined || c.replacement !== undefined ? 1 : 0) +
      (c.on_orphan !== undefined ? 1 : 0) +
      (c.skip !== undefined ? 1 : 0),
    0,
  );
}
