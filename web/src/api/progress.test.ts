import { expect, test } from "vitest";
import { add, type Event, emptyProgress, left, rate } from "./progress";

const at = (ms: number) => new Date(Date.UTC(2026, 10, 27) + ms).toISOString();
const event = (seq: number, e: Partial<Event>): Event => ({
  seq,
  time: at(seq * 1000),
  type: "info",
  phase: "load",
  ...e,
});

test("events that arrive twice count once", () => {
  const p = emptyProgress();
  expect(add(p, event(1, { type: "warning" }))).toBe(true);
  expect(add(p, event(1, { type: "warning" }))).toBe(false);
  expect(p.warnings).toBe(1);
  expect(p.events).toHaveLength(1);
});

test("a phase ends when the next begins, and begins again after a server that died", () => {
  const p = emptyProgress();
  add(p, event(1, { type: "phase", phase: "plan" }));
  add(p, event(2, { type: "phase", phase: "load" }));
  expect(p.phases.map((x) => [x.phase, x.ended !== undefined])).toEqual([
    ["plan", true],
    ["load", false],
  ]);
  add(p, event(3, { type: "phase", phase: "plan" }));
  expect(p.phases.map((x) => [x.phase, x.ended !== undefined])).toEqual([
    ["plan", false],
    ["load", true],
  ]);
});

test("a table's steps are one line of the log, and its rate follows from them", () => {
  const p = emptyProgress();
  add(p, event(1, { type: "progress", table: "orders", done: 0, total: 100 }));
  add(p, event(2, { type: "progress", table: "orders", done: 20 }));
  add(p, event(3, { type: "progress", table: "orders", done: 40 }));
  expect(p.events).toHaveLength(1);
  const t = p.tables.get("orders");
  expect(t && rate(t)).toBe(20);
  expect(t && left(t)).toBe(3);
  add(p, event(4, { type: "done", table: "orders", done: 100 }));
  const done = p.tables.get("orders");
  expect(done?.finished).toBe(true);
  expect(done && left(done)).toBeUndefined();
});

test("a table begins anew in the next phase", () => {
  const p = emptyProgress();
  add(p, event(1, { type: "progress", table: "orders", done: 90, total: 100 }));
  add(p, event(2, { type: "progress", phase: "verify", table: "orders", total: 100 }));
  expect(p.tables.get("orders")).toMatchObject({ phase: "verify", done: 0, finished: false });
});
