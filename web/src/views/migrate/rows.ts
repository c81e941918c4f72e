import { countEdits, type Edits, type ForeignKey, type Plan, type PlanColumn, type PlanTable, place } from "./plan";

/** Row is one line of the plan: a table, one of its columns, or a foreign key with rows that it does not hold for. */
export type Row =
  | { kind: "table"; at: string; table: PlanTable; open: boolean; misfits: number; orphans: number; edits: number }
  | { kind: "column"; at: string; table: PlanTable; column: PlanColumn }
  | { kind: "key"; at: string; table: PlanTable; key: ForeignKey };

export type Show = "all" | "decide" | "converted" | "edited";

export type View = { show: Show; search: string; closed: ReadonlySet<string>; opened: ReadonlySet<string> };

/** many is from how many tables on they begin folded. */
export const many = 30;

/** isConverted says whether the form of a column's values changes on the way. */
export const isConverted = (c: PlanColumn) =>
  (c.samples?.length ?? 0) > 0 || !["text", "bytes", "integer", "real"].includes(c.convert);

/** rowsOf lists what is in sight. A search and a filter open the tables in which they find something. */
export function rowsOf(plan: Plan, edits: Edits, view: View): Row[] {
  const tables = plan.tables ?? [];
  const words = view.search.toLowerCase().split(/\s+/).filter(Boolean);
  const narrowed = words.length > 0 || view.show !== "all";
  const rows: Row[] = [];
  for (const table of tables) {
    const inside = insides(table, edits, view.show).filter((r) => matches(r, words));
    const whole = view.show === "all" && contains(table.name, words);
    const changedTable = view.show === "edited" && edits[place.table(table.name)] && contains(table.name, words);
    if (narrowed && !inside.length && !whole && !changedTable) continue;
    const open = narrowed ? !view.closed.has(table.name) : isOpen(table.name, tables.length, view);
    rows.push(head(table, edits, open));
    if (open) rows.push(...(whole && !inside.length ? insides(table, edits, "all") : inside));
  }
  return rows;
}

/** isOpen says whether a table shows its columns when nothing is searched for. */
export const isOpen = (table: string, tables: number, view: Pick<View, "closed" | "opened">) =>
  tables >= many ? view.opened.has(table) : !view.closed.has(table);

function head(table: PlanTable, edits: Edits, open: boolean): Row {
  const sum = (all: number[]) => all.reduce((a, b) => a + b, 0);
  const own = [place.table(table.name), ...(table.columns ?? []).map((c) => place.column(table.name, c.name))];
  const keys = (table.foreign_keys ?? []).map((k) => place.key(table.name, k.name));
  const mine = Object.fromEntries([...own, ...keys].flatMap((at) => (edits[at] ? [[at, edits[at]]] : [])));
  return {
    kind: "table",
    at: place.table(table.name),
    table,
    open,
    misfits: table.skip ? 0 : sum((table.columns ?? []).map((c) => (c.skip ? 0 : (c.misfits ?? 0)))),
    orphans: table.skip ? 0 : sum((table.foreign_keys ?? []).map((k) => k.orphans ?? 0)),
    edits: countEdits(mine),
  };
}

function insides(table: PlanTable, edits: Edits, show: Show): Exclude<Row, { kind: "table" }>[] {
  const columns = (table.columns ?? []).map((column) => ({
    kind: "column" as const,
    at: place.column(table.name, column.name),
    table,
    column,
  }));
  const keys = (table.foreign_keys ?? [])
    .filter((k) => k.orphans || edits[place.key(table.name, k.name)])
    .map((key) => ({ kind: "key" as const, at: place.key(table.name, key.name), table, key }));
  const wanted = {
    all: () => true,
    decide: (r: Row) =>
      !table.skip && (r.kind === "key" || (r.kind === "column" && !r.column.skip && Boolean(r.column.misfits))),
    converted: (r: Row) => r.kind === "column" && !table.skip && !r.column.skip && isConverted(r.column),
    edited: (r: Row) => edits[r.at] !== undefined,
  }[show];
  return [...keys, ...columns].filter(wanted);
}

const contains = (text: string, words: string[]) => words.every((w) => text.toLowerCase().includes(w));

function matches(r: Exclude<Row, { kind: "table" }>, words: string[]): boolean {
  const text =
    r.kind === "key"
      ? `${r.table.name} ${r.key.name} ${r.key.table}`
      : `${r.table.name}.${r.column.name} ${r.column.type} ${r.column.declared}`;
  return contains(text, words);
}
