import { expect, test } from "vitest";
import type { Event } from "@/api/progress";
import { describe } from "./describe";

const event = (e: Partial<Event>): Event => ({
  seq: 1,
  time: "2026-11-27T09:00:00Z",
  type: "info",
  phase: "load",
  ...e,
});

test("an event is told in words, with the table's name as it is", () => {
  expect(describe(event({ message: "copy the source" }))).toBe("Copy the source.");
  expect(describe(event({ table: "messages", message: "12 rows without a parent" }))).toBe(
    "messages: 12 rows without a parent.",
  );
});

test("a snapshot counts bytes, all else rows", () => {
  const counted = { table: "t", done: 2048, total: 4096 };
  expect(describe(event({ ...counted, phase: "snapshot" }))).toBe("t: 2 KB of 4 KB");
  expect(describe(event(counted))).toBe("t: 2,048 of 4,096 rows");
  expect(describe(event({ table: "t", type: "progress", done: 4096 }))).toBe("t: 4,096 rows so far");
  expect(describe(event({ table: "t", type: "done", done: 7 }))).toBe("t: 7 rows");
});
