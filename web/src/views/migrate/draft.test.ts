import { expect, test } from "vitest";
import { type History, next, sameEdits } from "./draft";
import { planOf } from "./fixture";
import { place } from "./plan";

const plan = planOf([{ name: "a", target: "a", rows: 1, columns: [] }]);
const at = place.table("a");
const empty: History = { past: [], now: {}, future: [] };
const skip = (h: History, yes: boolean) => next(h, { do: "edit", plan, at, change: { skip: yes } });

test("an edit can be undone, and done again", () => {
  const edited = skip(empty, true);
  expect(edited.now).toEqual({ [at]: { skip: true } });
  const undone = next(edited, { do: "undo" });
  expect(undone.now).toEqual({});
  expect(next(undone, { do: "redo" }).now).toEqual({ [at]: { skip: true } });
  expect(next(empty, { do: "undo" })).toBe(empty);
  expect(next(empty, { do: "redo" })).toBe(empty);
});

test("a new edit forgets what was undone; an edit that changes nothing is none", () => {
  const undone = next(skip(empty, true), { do: "undo" });
  expect(skip(undone, true).future).toEqual([]);
  expect(skip(undone, false)).toBe(undone);
});

test("setting everything back can be undone too", () => {
  const edited = skip(empty, true);
  const back = next(edited, { do: "reset" });
  expect(back.now).toEqual({});
  expect(next(back, { do: "undo" }).now).toEqual(edited.now);
});

test("the order of edits makes no difference", () => {
  expect(
    sameEdits(
      { a: { type: "x", convert: "y" }, b: { skip: true } },
      { b: { skip: true }, a: { convert: "y", type: "x" } },
    ),
  ).toBe(true);
  expect(sameEdits({ a: { type: "x" } }, { a: { type: "z" } })).toBe(false);
});
