import { expect, test } from "vitest";
import { columnOf, planOf } from "./fixture";
import { changed, type Plan, place } from "./plan";
import { many, rowsOf, type View } from "./rows";

const plan = (tables: number) =>
  planOf(
    Array.from({ length: tables }, (_, i) => ({
      name: `t${i}`,
      target: `t${i}`,
      rows: 10,
      columns: [columnOf("id"), columnOf("at", { type: "timestamp", convert: "timestamp", misfits: i === 1 ? 2 : 0 })],
      foreign_keys: [{ name: "fk", columns: ["id"], table: "t0", references: ["id"], orphans: i === 2 ? 4 : 0 }],
    })),
  );

const all: View = { show: "all", search: "", closed: new Set(), opened: new Set() };
const names = (p: Plan, view: Partial<View>, edits = {}) =>
  rowsOf(p, edits, { ...all, ...view }).map((r) =>
    r.kind === "table" ? r.table.name : `${r.table.name}.${r.kind === "key" ? r.key.name : r.column.name}`,
  );

test("few tables show their columns, many begin folded", () => {
  expect(names(plan(2), {})).toEqual(["t0", "t0.id", "t0.at", "t1", "t1.id", "t1.at"]);
  expect(names(plan(2), { closed: new Set(["t0"]) })).toEqual(["t0", "t1", "t1.id", "t1.at"]);
  expect(rowsOf(plan(many), {}, all)).toHaveLength(many);
  expect(names(plan(many), { opened: new Set(["t3"]) }).slice(3, 6)).toEqual(["t3", "t3.id", "t3.at"]);
});

test("a foreign key is a line only where rows break it", () => {
  expect(names(plan(3), {}).filter((n) => n.endsWith(".fk"))).toEqual(["t2.fk"]);
});

test("filters leave what they are about, also in folded tables", () => {
  expect(names(plan(many), { show: "decide" })).toEqual(["t1", "t1.at", "t2", "t2.fk"]);
  expect(names(plan(1), { show: "converted" })).toEqual(["t0", "t0.at"]);
  const edits = changed({}, plan(3), place.column("t1", "at"), { on_misfit: "null" });
  expect(names(plan(3), { show: "edited" }, edits)).toEqual(["t1", "t1.at"]);
  const skipped = changed({}, plan(3), place.table("t0"), { skip: true });
  expect(names(plan(3), { show: "edited" }, skipped)).toEqual(["t0"]);
});

test("a search finds tables, columns and types", () => {
  expect(names(plan(3), { search: "t1" })).toEqual(["t1", "t1.id", "t1.at"]);
  expect(names(plan(2), { search: "timestamp" })).toEqual(["t0", "t0.at", "t1", "t1.at"]);
  expect(names(plan(2), { search: "nothing" })).toEqual([]);
});
