import { expect, test } from "vitest";
import { add, type Event, emptyProgress } from "@/api/progress";
import {
  type Course,
  clock,
  courseOf,
  emptyCourse,
  phaseRemaining,
  remaining,
  speed,
  sum,
  tableOf,
  take,
} from "./course";

const start = Date.UTC(2026, 10, 27);
let seq = 0;
const event = (seconds: number, e: Partial<Event>): Event => ({
  seq: ++seq,
  time: new Date(start + seconds * 1000).toISOString(),
  type: "progress",
  phase: "load",
  ...e,
});

function play(...events: Event[]): Course {
  const c = emptyCourse();
  for (const e of events) take(c, e);
  return c;
}

const counted = (table: string, rows: number) =>
  event(0, { type: "done", phase: "plan", table, done: rows, total: rows });

test("what a killed server has to do again does not take the bar back", () => {
  const c = play(
    counted("orders", 1000),
    event(1, { type: "phase" }),
    event(2, { table: "orders", done: 600, total: 1000 }),
    event(30, { type: "info", phase: "migrate", message: "a server has ended in the middle: attempt 2 goes on" }),
    event(31, { type: "phase" }),
    event(32, { table: "orders", done: 200, total: 1000 }),
  );
  expect(tableOf(c, "orders").load).toMatchObject({ done: 200, high: 600, state: "running" });
  expect(sum(c, "load")).toMatchObject({ rows: 600, of: 1000 });
  expect(c.restarts).toBe(1);
});

test("the time without a server is no time of the phase", () => {
  const c = play(
    event(0, { type: "phase" }),
    event(10, { table: "orders", done: 600, total: 1000 }),
    event(100, { type: "info", phase: "migrate", message: "a server has ended in the middle: attempt 2 goes on" }),
    event(101, { type: "phase" }),
    event(106, { type: "phase", phase: "index" }),
  );
  const load = c.phases.find((p) => p.name === "load");
  expect(load && clock(load, start + 200_000)).toBe(15_000);
});

test("time left is told when there is evidence, and not before", () => {
  const c = play(
    counted("orders", 1000),
    event(1, { type: "phase" }),
    event(2, { table: "orders", done: 100, total: 1000 }),
  );
  expect(remaining(tableOf(c, "orders"), "load")).toBeUndefined();
  expect(phaseRemaining(c, "load")).toBeUndefined();
  take(c, event(4, { table: "orders", done: 300 }));
  expect(speed(tableOf(c, "orders").load)).toBe(100);
  expect(remaining(tableOf(c, "orders"), "load")).toBe(7);
  expect(phaseRemaining(c, "load")).toBeUndefined();
  take(c, event(6, { table: "orders", done: 500 }));
  expect(phaseRemaining(c, "load")).toBe(5);
});

test("a table that nobody has counted leaves the whole unknown", () => {
  const c = play(
    counted("orders", 1000),
    event(1, { type: "phase" }),
    event(2, { table: "orders", done: 100, total: 1000 }),
    event(2, { table: "lines", done: 5 }),
    event(9, { table: "orders", done: 800, total: 1000 }),
  );
  expect(sum(c, "load").of).toBe(0);
  expect(phaseRemaining(c, "load")).toBeUndefined();
});

test("tables that show one after the other, as in a run that goes on, make no whole before all have shown", () => {
  const c = play(event(1, { type: "phase" }), event(2, { table: "orders", done: 900, total: 1000 }));
  expect(sum(c, "load")).toMatchObject({ rows: 900, of: 0 });
  take(c, event(3, { type: "done", table: "orders", done: 1000, total: 1000 }));
  take(c, event(4, { type: "done", table: "lines", done: 500, total: 500 }));
  take(c, event(5, { type: "phase", phase: "index" }));
  expect(sum(c, "verify").of).toBe(1500);
});

test("a rate is that of the last moments", () => {
  const c = play(counted("orders", 1e6), event(0, { type: "phase" }));
  for (let s = 1; s <= 60; s++) take(c, event(s, { table: "orders", done: s * 10_000 }));
  for (let s = 61; s <= 90; s++) take(c, event(s, { table: "orders", done: 600_000 + (s - 60) * 1000 }));
  expect(Math.round(speed(tableOf(c, "orders").load) ?? 0)).toBe(1000);
});

test("rejects and differences are those that the events tell, and never fewer", () => {
  const c = play(
    event(1, { type: "phase" }),
    event(2, { table: "messages", done: 10, total: 20, rejected: 2 }),
    event(3, { type: "done", table: "messages", done: 20, total: 20, rejected: 4 }),
    event(4, { type: "phase", phase: "verify" }),
    event(5, { type: "done", phase: "verify", table: "messages", done: 16, total: 16, differing: 1 }),
  );
  expect(tableOf(c, "messages")).toMatchObject({ rejects: 4, differing: 1 });
});

test("events of a stream are taken once, also where the log joins steps of one table", () => {
  const p = emptyProgress();
  const base = seq;
  add(p, event(1, { type: "phase" }));
  add(p, event(2, { table: "orders", done: 10, total: 100 }));
  expect(courseOf(p).tables.get("orders")?.load.done).toBe(10);
  add(p, event(3, { table: "orders", done: 20 }));
  add(p, event(4, { table: "orders", done: 30 }));
  expect(courseOf(p).tables.get("orders")?.load).toMatchObject({ done: 30 });
  expect(courseOf(p).last).toBe(base + 4);
});

test("the snapshot's file is no table", () => {
  const c = play(event(1, { type: "done", phase: "snapshot", table: "helpdesk.db", done: 8e6, total: 8e6 }));
  expect(c.tables.size).toBe(0);
  expect(c.copied).toEqual({ done: 8e6, total: 8e6 });
});
