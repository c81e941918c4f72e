import { expect, test } from "vitest";
import { original, proofOf, type ReportOf, reasons, reasonsOf, type TableReport } from "./reports";

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
  expect(groups.map((g) => [g.column, g.reason, g.count])).toEqual([
    ["minutes", "… is not an integer", 3],
    ["at", "no date", 1],
  ]);
});

test("the sums of the instance count all rows; another migration's are none of ours", () => {
  const report = { migration: "m1", target: { schema: "public" } } as ReportOf;
  const sum = (migration: string, rows: number) => ({
    schema: "public",
    migration,
    table: "orders",
    column: "at",
    action: "quarantined" as const,
    reason: '"soon" is no date',
    reasons: 7,
    rows,
    last: "",
  });
  expect(reasonsOf(table({ quarantined: 4000 }), report, [sum("m0", 5), sum("m1", 4000)])).toMatchObject([
    { column: "at", reason: "… is no date", count: 4000 },
  ]);
  expect(reasonsOf(table({}), report, undefined)).toEqual([]);
});

test("an original value is shown as the source had it", () => {
  expect(original({ text: '{"text":"25 min"}' })).toBe('"25 min"');
  expect(original({ text: '{"integer":7}' })).toBe("7");
  expect(original({ text: null })).toBe("NULL");
  expect(original({ text: '{"text":"a very lo', cut: true })).toBe('{"text":"a very lo…');
});
