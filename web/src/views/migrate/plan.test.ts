import { expect, test } from "vitest";
import { decisionsOf, forecast, refusals, storageClasses } from "./decisions";
import { columnOf, planOf } from "./fixture";
import {
  apply,
  changed,
  choices,
  countEdits,
  defaultFor,
  editsOf,
  type Plan,
  place,
  shortType,
  typed,
  withFindings,
} from "./plan";

const plan = planOf([
  {
    name: "messages",
    target: "messages",
    rows: 40,
    columns: [
      columnOf("id"),
      columnOf("minutes", {
        misfits: 3,
        misfit: '{"id":1}: "25 min" is not an integer',
        alternatives: ["text", "bytea"],
      }),
      columnOf("at", { alternatives: ["integer", "timestamp with time zone (epoch ms)"] }),
    ],
    foreign_keys: [
      { name: "messages_ticket_fkey", columns: ["id"], table: "tickets", references: ["id"], orphans: 12 },
    ],
  },
  { name: "tickets", target: "tickets", rows: 2, columns: [columnOf("id")] },
]);
const minutes = place.column("messages", "minutes");

test("an alternative is a type and the conversion that leads there", () => {
  expect(typed("timestamp with time zone (epoch ms)")).toEqual({
    type: "timestamp with time zone",
    convert: "epoch_ms",
  });
  expect(typed("numeric(10,2)")).toEqual({ type: "numeric(10,2)", convert: "decimal" });
  expect(typed("jsonb")).toEqual({ type: "jsonb", convert: "json" });
});

test("the type in use is among the choices, once", () => {
  const c = plan.tables?.[0]?.columns?.[2];
  expect(c && choices(c, { ...c, ...typed("timestamp with time zone (epoch ms)") })).toEqual([
    "bigint",
    "timestamp with time zone (epoch ms)",
    "integer",
  ]);
});

test("an edit is seen in the plan, and nothing else changes", () => {
  const edits = changed({}, plan, minutes, typed("text"));
  const edited = apply(plan, edits);
  expect(edited.tables?.[0]?.columns?.[1]).toMatchObject({ type: "text", convert: "text" });
  expect(edited.tables?.[0]?.columns?.[1]?.misfits).toBeUndefined(); // every value fits an alternative
  expect(edited.tables?.[1]).toBe(plan.tables?.[1]);
  expect(countEdits(edits)).toBe(1);
});

test("what is set back is no edit", () => {
  const edits = changed({}, plan, minutes, { on_misfit: "null" });
  expect(countEdits(edits)).toBe(1);
  expect(changed(edits, plan, minutes, { on_misfit: "quarantine" })).toEqual({});
});

test("a replacement goes with its policy", () => {
  const edits = changed({}, plan, minutes, { on_misfit: "replace", replacement: "0" });
  expect(edits[minutes]).toEqual({ on_misfit: "replace", replacement: "0" });
  expect(changed(edits, plan, minutes, { on_misfit: "null" })[minutes]).toEqual({ on_misfit: "null" });
});

test("edits are found again in an edited plan", () => {
  let edits = changed({}, plan, minutes, { on_misfit: "replace", replacement: "0" });
  edits = changed(edits, plan, place.key("messages", "messages_ticket_fkey"), { on_orphan: "quarantine" });
  edits = changed(edits, plan, place.table("tickets"), { skip: true });
  edits = changed(edits, plan, place.column("messages", "at"), typed("timestamp with time zone (epoch ms)"));
  expect(editsOf(plan, apply(plan, edits))).toEqual(edits);
  expect(countEdits(edits)).toBe(4);
});

test("decisions are what a person should look at, the largest first", () => {
  expect(decisionsOf(plan).map((d) => [d.kind, d.count])).toEqual([
    ["orphan", 12],
    ["misfit", 3],
  ]);
  expect(decisionsOf(apply(plan, changed({}, plan, place.table("messages"), { skip: true })))).toEqual([]);
});

test("the forecast follows the policies", () => {
  expect(forecast(plan)).toEqual({ rows: 42, quarantined: 3, changed: 0, kept: 12, fails: false });
  const edits = changed({}, plan, minutes, { on_misfit: "null" });
  expect(forecast(apply(plan, edits))).toMatchObject({ quarantined: 0, changed: 3 });
  expect(forecast(apply(plan, changed({}, plan, minutes, { on_misfit: "fail" }))).fails).toBe(true);
});

test("the server's problems are put where they belong", () => {
  const faults = [
    {
      path: "$.tables[0].columns[1].on_misfit",
      where: "table messages, column minutes",
      what: "replace wants a value",
    },
    { path: "$.tables[1]", where: "table tickets", what: "no column is left; skip the table" },
    { path: "$.views[0].name", where: "view v", what: "the name v is that of table v too" },
    { path: "$.tables[9].columns[0]", where: "table gone, column a", what: "there is none" },
  ];
  expect(refusals(faults, plan)).toEqual([
    { table: "messages", column: "minutes", text: "replace wants a value" },
    { table: "tickets", column: undefined, text: "no column is left; skip the table" },
    { table: "", column: undefined, text: "view v: the name v is that of table v too" },
    { table: "", column: undefined, text: "table gone, column a: there is none" },
  ]);
});

test("NULLs come last among the storage classes", () => {
  expect(storageClasses(columnOf("a", { found: { null: 90, text: 1, integer: 9 } })).map((c) => c.name)).toEqual([
    "integer",
    "text",
    "null",
  ]);
});

test("what the server found is shown in the draft, and what stays behind stays in sight", () => {
  const edits = changed({}, plan, place.table("tickets"), { skip: true });
  const messages = plan.tables?.[0];
  const found: Plan = {
    ...plan,
    tables: messages
      ? [{ ...messages, rows: 41, columns: (messages.columns ?? []).map((c) => ({ ...c, misfits: 7 })) }]
      : [],
  };
  const view = withFindings(apply(plan, edits), found);
  expect(view.tables?.map((t) => [t.name, t.skip ?? false])).toEqual([
    ["messages", false],
    ["tickets", true],
  ]);
  expect(view.tables?.[0]?.rows).toBe(41);
  expect(view.tables?.[0]?.columns?.map((c) => c.misfits)).toEqual([7, 7, 7]);
});

test("types are spelt as people write them", () => {
  expect(shortType("timestamp with time zone (epoch ms)")).toBe("timestamptz (epoch ms)");
  expect(shortType("timestamp(3) without time zone")).toBe("timestamp(3)");
  expect(shortType("character varying(40)")).toBe("varchar(40)");
  expect(shortType("time without time zone")).toBe("time");
  expect(shortType("numeric(10,2)")).toBe("numeric(10,2)");
});

test("a default follows the type of its column, or goes", () => {
  expect(defaultFor("TRUE", "smallint")).toBe("1");
  expect(defaultFor("FALSE", "text")).toBe("'0'");
  expect(defaultFor("0", "boolean")).toBe("FALSE");
  expect(defaultFor("7", "boolean")).toBe("");
  expect(defaultFor("'{}'::jsonb", "text")).toBe("'{}'");
  expect(defaultFor("'{}'", "jsonb")).toBe("'{}'::jsonb");
  expect(defaultFor("'free'", "integer")).toBe("");
  expect(defaultFor("now()", "timestamp with time zone (epoch ms)")).toBe("now()");
  expect(defaultFor("now()", "bigint")).toBe("");
  expect(defaultFor("'x'", "bytea")).toBe("");
  expect(defaultFor(undefined, "text")).toBe("");
});
