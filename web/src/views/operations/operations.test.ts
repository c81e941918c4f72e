import { expect, test } from "vitest";
import { type Event, emptyProgress, type Operation } from "@/api/progress";
import { changed } from "@/api/search";
import { consequence } from "./consequence";
import { course } from "./course";
import { downloads, fileName } from "./downloads";
import { asText, logSearch, sift, since } from "./log";
import { found, named, nested, scalars } from "./result";
import { listSearch, merge, shortened } from "./search";

const operation = (o: Partial<Operation> = {}): Operation => ({
  id: "a",
  kind: "migrate",
  instance: "shop",
  state: "succeeded",
  actor: "ana@example.com",
  input: { source: "/var/lib/shop/app.db", to: "shop" },
  attempt: 1,
  created: "2026-11-27T09:00:00Z",
  started: "2026-11-27T09:00:00Z",
  ended: "2026-11-27T09:00:10Z",
  ...o,
});
const event = (seq: number, e: Partial<Event> = {}): Event => ({
  seq,
  time: new Date(Date.UTC(2026, 10, 27, 9) + seq * 1000).toISOString(),
  type: "info",
  phase: "load",
  ...e,
});

test("an address is read as far as it is known", () => {
  expect(listSearch({ state: "failed", kind: "migrate", on: "", find: 7 })).toEqual({
    state: "failed",
    kind: "migrate",
  });
  expect(listSearch({ state: "exploded" })).toEqual({});
  expect(logSearch({ level: "warnings", phase: "load" })).toEqual({ level: "warnings", phase: "load" });
  expect(logSearch({ level: "all" })).toEqual({});
});

test("a change of an address takes out what is empty and keeps the rest", () => {
  expect(changed({ a: "x", b: "y" }, { b: null })).toEqual({ a: "x" });
  expect(changed({ a: "x" } as { a?: string; c?: string }, { c: "z" })).toEqual({ a: "x", c: "z" });
});

test("a fresh look replaces what is known, and says when it does not reach it", () => {
  const old = [operation({ id: "b", created: "2026-11-27T08:00:00Z", state: "running" })];
  const fresh = [operation({ id: "c" }), operation({ id: "b", created: "2026-11-27T08:00:00Z", state: "failed" })];
  const { all, gap } = merge(fresh, old);
  expect(all.map((o) => [o.id, o.state])).toEqual([
    ["c", "succeeded"],
    ["b", "failed"],
  ]);
  expect(gap).toBe(false);
  expect(merge([operation({ id: "z" })], old).gap).toBe(true);
});

test("paths are shortened from their beginning, addresses are not", () => {
  expect(shortened("/var/lib/shop/app.db")).toBe("…/shop/app.db");
  expect(shortened("/app.db")).toBe("/app.db");
  expect(shortened("postgres://bob@db/shop")).toBe("postgres://bob@db/shop");
});

test("a log is sifted by level, phase and words", () => {
  const all = [
    event(1, { type: "phase", phase: "plan" }),
    event(2, { type: "warning", table: "orders", message: "3 values do not fit" }),
    event(3, { type: "progress", table: "orders" }),
    event(4, { type: "done", table: "users" }),
  ];
  expect(sift(all, {})).toBe(all);
  expect(sift(all, { level: "warnings" }).map((e) => e.seq)).toEqual([2]);
  expect(sift(all, { level: "steps" }).map((e) => e.seq)).toEqual([1, 4]);
  expect(sift(all, { phase: "load", find: "ORDERS fit" }).map((e) => e.seq)).toEqual([2]);
});

test("times of a log are counted from its beginning", () => {
  expect(since(0, 4230)).toBe("+0:04.2");
  expect(since(0, 59_960)).toBe("+1:00.0");
  expect(since(0, 3_723_000)).toBe("+1:02:03");
  expect(since(1000, 0)).toBe("+0:00.0");
});

test("a log as text has a line an event", () => {
  expect(asText([event(1)], () => "words")).toBe("2026-11-27T09:00:01.000Z\tinfo\tload\twords\n");
});

test("phases are placed between the beginning and the end; the last one of a failure is where it broke", () => {
  const at = Date.UTC(2026, 10, 27, 9);
  const phases = [
    { phase: "plan", started: at, ended: at + 5000 },
    { phase: "load", started: at + 5000, ended: undefined },
  ];
  const failed = course(operation({ state: "failed" }), phases, at + 99_000);
  expect(failed.map((s) => [s.at, s.left, s.width])).toEqual([
    ["done", 0, 0.5],
    ["broken", 0.5, 0.5],
  ]);
  const { ended: _, ...begun } = operation({ state: "running" });
  const running = course(begun as Operation, phases, at + 20_000);
  expect(running[1]).toMatchObject({ at: "now", to: undefined, left: 0.25, width: 0.75 });
  expect(course(operation(), emptyProgress().phases, at)).toEqual([]);
});

test("what can be downloaded follows from what there is", () => {
  expect(downloads(operation({ kind: "start", result: { name: "shop" } }))).toEqual([]);
  expect(downloads(operation({ result: undefined }))).toEqual([]);
  const file = downloads(operation({ kind: "export", result: { file: "x.db" } }));
  expect(file.map((d) => d.href.split("/").at(-1))).toEqual([
    "file",
    "report?format=html",
    "report?format=text",
    "report?format=json",
  ]);
  const plan = operation({ kind: "plan", result: {} });
  const yaml = downloads(plan).find((d) => d.href.endsWith("yaml"));
  expect(yaml && fileName(plan, yaml)).toBe("plan-shop-2026-11-27.yaml");
  expect(downloads(plan).some((d) => d.href.endsWith("html"))).toBe(false);
});

test("a report is summed up over its tables, and what is missing is left out", () => {
  const table = { name: "t", target: "t", read: 10, loaded: 9, verified: 9, quarantined: 1, differing: 0 };
  const { facts, verdict } = found(operation({ result: { verdict: "proven", tables: [table, table], swapped: true } }));
  expect(verdict).toBe("proven");
  expect(Object.fromEntries(facts)).toMatchObject({
    Tables: "2",
    "Rows read": "20",
    "In quarantine": "2",
    "Swapped in": "yes",
  });
  expect(found(operation({ result: { verdict: "", tables: null } })).facts).toEqual([]);
});

test("input is told in words, and what is too much for a line is only named", () => {
  expect(scalars({ retention_days: 7, no_backup: true, schema: "", plan: {} })).toEqual([
    ["Days of history", "7"],
    ["No backup", "yes"],
  ]);
  expect(nested({ plan: {}, to: "x" })).toEqual(["Plan"]);
  expect(named("on_misfit")).toBe("What does not fit");
});

test("what is lost by cancelling is told by kind and state", () => {
  expect(consequence({ kind: "migrate", state: "queued" })).toMatch(/has not begun/);
  expect(consequence({ kind: "migrate", state: "running" })).toMatch(/target is as it was/);
  expect(consequence({ kind: "anything", state: "running" })).toMatch(/stays/);
});
