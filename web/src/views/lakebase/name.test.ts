import { expect, test } from "vitest";
import { judge } from "./name";

test("what cannot be a name is said while it is typed", () => {
  expect(judge("", [])).toEqual({});
  expect(judge("shop-2", ["crm"])).toEqual({});
  expect(judge("my shop_", []).error).toBe("Use letters, digits and hyphens only, not a space, “_”.");
  expect(judge("a".repeat(63), [])).toEqual({});
  expect(judge("a".repeat(64), []).error).toContain("these are 64");
  expect(judge("Shop", ["shop"]).error).toContain("already");
});

test("what only one of the APIs takes is allowed, with a note", () => {
  expect(judge("Shop", [])).toHaveProperty("note");
  expect(judge("2shop", [])).toHaveProperty("note");
  expect(judge("Shop", [])).not.toHaveProperty("error");
});
