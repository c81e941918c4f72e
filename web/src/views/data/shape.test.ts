import { expect, test } from "vitest";
import { dataSearch } from "./search";
import { found, oneLine, orderOf, pretty, type RowPage, rowsOf, short, span, type Table, total, widths } from "./shape";

const table = (t: Partial<Table> = {}): Table => ({
  schema: "public",
  name: "orders",
  kind: "table",
  rows: 4800,
  counted: "exact",
  bytes: 8192,
  readable: true,
  ...t,
});
const page = (p: Partial<RowPage> = {}): RowPage => ({
  columns: [
    { name: "id", type: "bigint", key: true },
    { name: "note", type: "text" },
  ],
  rows: [[{ text: "1" }, { text: null }]],
  order: "key",
  ...p,
});

test("a number of rows says how it came about", () => {
  expect(rowsOf(table())).toBe("4,800 rows, counted");
  expect(rowsOf(table({ counted: "estimated" }))).toBe("about 4,800 rows: PostgreSQL's estimate");
  expect(rowsOf(table({ counted: "unknown", rows: 0 }))).toBe("rows not counted");
  expect([table(), table({ counted: "estimated" }), table({ counted: "unknown" })].map(short)).toEqual([
    "4,800",
    "~4,800",
    "–",
  ]);
  expect(total([table(), table({ counted: "estimated" })])).toBe("2 tables, about 9,600 rows");
  expect(total([table(), table({ kind: "view", counted: "unknown", rows: 0 })])).toBe("1 table, 1 view, 4,800 rows");
});

test("tables are found by all words, also of their schema", () => {
  expect(found([table(), table({ name: "users" })], "PUBLIC ord").map((t) => t.name)).toEqual(["orders"]);
});

test("a column is as wide as most of its values, within bounds", () => {
  const rows = Array.from({ length: 20 }, () => [{ text: "1" }, { text: "x".repeat(20) }]);
  rows[0] = [{ text: "1" }, { text: "x".repeat(5000) }];
  const [id, note] = widths(page({ rows }));
  expect(id).toBe(72);
  expect(note).toBe(172);
  expect(widths(page({ rows: [[{ text: "1" }, { text: "x".repeat(5000) }]] }))[1]).toBe(320);
});

test("JSON is spread over lines unless that would change a number", () => {
  expect(pretty('{"a": 1}', "jsonb")).toBe('{\n  "a": 1\n}');
  expect(pretty('{"a": 12345678901234567890}', "jsonb")).toBe('{"a": 12345678901234567890}');
  expect(pretty('{"a": 1.0}', "json")).toBe('{"a": 1.0}');
  expect(pretty("{not json", "json")).toBe("{not json");
  expect(pretty('{"a": 1}', "text")).toBe('{"a": 1}');
});

test("ends of lines are seen in a row", () => {
  expect(oneLine("a\r\nb\nc\td")).toBe("a↵b↵c⇥d");
});

test("a page says which rows it shows, of how many, and in which order", () => {
  expect(span(0, page(), table())).toBe("1 row, all of them");
  expect(span(100, page({ next: "x" }), table())).toBe("Rows 101–101 of 4,800");
  expect(span(100, page({ next: "x" }), table({ counted: "estimated" }))).toBe("Rows 101–101 of about 4,800");
  expect(span(100, page(), table())).toBe("Rows 101–101, the last");
  expect(span(0, page({ rows: [] }), undefined)).toBe("No rows");
  expect(orderOf(page())).toBe("in the order of id");
  expect(orderOf(page({ order: "place" }))).toContain("no key");
});

test("an address is read as far as it is known", () => {
  expect(dataSearch({ schema: "public", table: "orders", part: "structure", quarantine: "no" })).toEqual({
    schema: "public",
    table: "orders",
    part: "structure",
  });
  expect(dataSearch({ part: "rows", quarantine: true })).toEqual({ quarantine: true });
});
