import type { Schemas } from "@/api/client";
import { count, plural } from "@/ui/format";

export type Table = Schemas["Table"];
export type Definition = Schemas["TableDefinition"];
export type RowPage = Schemas["RowPage"];
export type Cell = Schemas["Cell"];

/** rowsOf says how many rows a table has, and how that is known. */
export function rowsOf(t: Pick<Table, "rows" | "counted">): string {
  if (t.counted === "exact") return `${plural(t.rows, "row")}, counted`;
  if (t.counted === "estimated") return `about ${plural(t.rows, "row")}: PostgreSQL's estimate`;
  return "rows not counted";
}

/** short is the same for a column of numbers: ~ is an estimate. */
export function short(t: Pick<Table, "rows" | "counted">): string {
  if (t.counted === "unknown") return "–";
  return t.counted === "exact" ? count(t.rows) : `~${count(t.rows)}`;
}

/** found keeps the tables that have all the words in their name. */
export function found(tables: Table[], find: string | undefined): Table[] {
  const words = (find ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return tables;
  return tables.filter((t) => words.every((w) => `${t.schema}.${t.name}`.toLowerCase().includes(w)));
}

/** total adds up the rows of tables, and says whether each was counted. */
export function total(tables: Table[]): string {
  const real = tables.filter((t) => t.kind === "table" || t.kind === "partitioned table");
  const rows = real.reduce((n, t) => n + t.rows, 0);
  const exact = real.every((t) => t.counted === "exact");
  const views = tables.filter((t) => t.kind.endsWith("view")).length;
  const both = `${plural(tables.length - views, "table")}${views ? `, ${plural(views, "view")}` : ""}`;
  return `${both}, ${exact ? "" : "about "}${plural(rows, "row")}`;
}

const narrowest = 72;
const widest = 320;

/** widths are how wide the columns of a page are, by what stands in them; a few wide values do not widen a column. */
export function widths(page: RowPage): number[] {
  return page.columns.map((c, n) => {
    const lengths = page.rows.map((r) => r?.[n]?.text?.length ?? 4).sort((a, b) => a - b);
    const most = lengths[Math.floor(lengths.length * 0.9)] ?? 0;
    const head = Math.max(c.name.length * 7.4 + (c.key ? 18 : 0), c.type.length * 6.2);
    return Math.round(Math.max(narrowest, Math.min(widest, Math.max(head, most * 7.3) + 26)));
  });
}

/** numeric says whether values of a type stand at the right edge. */
export const numeric = (type: string) =>
  /^(smallint|integer|bigint|numeric|real|double precision|oid|money)\b/.test(type);

/** pretty writes a value to be read: JSON on many lines, the rest as it is. */
export function pretty(text: string, type: string): string {
  if (!/^jsonb?$/.test(type)) return text;
  try {
    // Numbers beyond what JavaScript holds would change: such JSON stays as it is.
    const value: unknown = JSON.parse(text);
    const again = JSON.stringify(value);
    return again.replaceAll(/\s/g, "") === text.replaceAll(/\s/g, "") ? JSON.stringify(value, null, 2) : text;
  } catch {
    return text;
  }
}

/** oneLine is a value in a line of a table, where ends of lines are seen. */
export const oneLine = (text: string) =>
  text
    .slice(0, 300)
    .replaceAll("\r\n", "↵")
    .replaceAll(/[\n\r]/g, "↵")
    .replaceAll("\t", "⇥");

/** span says which rows a page shows. */
export function span(before: number, page: RowPage, t: Pick<Table, "rows" | "counted"> | undefined): string {
  if (page.rows.length === 0) return before === 0 ? "No rows" : "No more rows";
  const range = `Rows ${count(before + 1)}–${count(before + page.rows.length)}`;
  if (!page.next) return before === 0 ? `${plural(page.rows.length, "row")}, all of them` : `${range}, the last`;
  if (!t || t.counted === "unknown") return range;
  return `${range} of ${t.counted === "exact" ? "" : "about "}${count(t.rows)}`;
}

/** orderOf says what rows are in the order of, so that nobody takes it for another. */
export function orderOf(page: RowPage): string {
  if (page.order === "key")
    return `in the order of ${page.columns
      .filter((c) => c.key)
      .map((c) => c.name)
      .join(", ")}`;
  if (page.order === "place") return "in the order of their place on the disk, as there is no key";
  return "in the order that the view gives";
}
