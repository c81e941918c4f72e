import { expect, test } from "vitest";
import { proofOf, reasons, type TableReport } from "./reports";

const table = (more: Partial<TableReport>): TableReport => ({
  name: "orders",
  target: "orders",
  read: 10,
  loaded: 10,
  verified: 10,
  quarantined: 0,
  differing: 0,
  ...more,
});

test("equal is only what was compared, row by row", () => {
  expect(proofOf(table({}))).toBe("equal");
  expect(proofOf(table({ loaded: 9, verified: 9, quarantined: 1 }))).toBe("equal");
  expect(proofOf(table({ loaded: 9, verified: 9 }))).toBe("different"); // a row is missing
  expect(proofOf(table({ verified: 9 }))).toBe("different");
  expect(proofOf(table({ differing: 1 }))).toBe("different");
  expect(proofOf(table({ verified: 0 }))).toBe("unproven");
  expect(proofOf(table({ error: "lost" }))).toBe("different");
  expect(proofOf(table({ read: 0, loaded: 0, verified: 0 }))).toBe("equal"); // an empty table
});

test("rows of one kind of reason are one group", () => {
  const row = (column: string, reason: string) => ({ table: "m", key: "{}", action: "quarantined", column, reason });
  const groups = reasons([
    row("minutes", '"25 min" is not an integer'),
    row("at", "no date"),
    row("minutes", '"an \\"hour\\"" is not an integer'),
    row("minutes", "3.5 is not an integer"),
  ]);
  expect(groups.map((g) => [g.column, g.reason, g.rows.length])).toEqual([
    ["minutes", "… is not an integer", 3],
    ["at", "no date", 1],
  ]);
});
