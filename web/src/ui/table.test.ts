import { expect, test } from "vitest";
import { arrange, type Column } from "./table";

type Row = { name: string; rows: number };
const rows: Row[] = [
  { name: "t10", rows: 5 },
  { name: "t9", rows: 5 },
  { name: "t1", rows: 12 },
];
const columns: Column<Row>[] = [
  { key: "name", head: "Name", cell: (r) => r.name, sort: (r) => r.name },
  { key: "rows", head: "Rows", cell: (r) => r.rows, sort: (r) => r.rows },
];
const names = (key?: string, down = false) =>
  arrange(rows, columns, key ? { key, down } : undefined).map((r) => r.name);

test("numbers in names sort as numbers, equal rows stay in their order", () => {
  expect(names()).toEqual(["t10", "t9", "t1"]);
  expect(names("name")).toEqual(["t1", "t9", "t10"]);
  expect(names("rows", true)).toEqual(["t1", "t10", "t9"]);
});
