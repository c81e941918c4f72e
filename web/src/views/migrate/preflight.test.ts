import { expect, test } from "vitest";
import { blocked, checksOf, taken } from "./preflight";

const result = {
  checks: [
    { name: "source", result: "pass", found: "a file" },
    {
      name: "names",
      result: "fail",
      found: "schema public already has table a",
      do: "Replace them with --replace shop",
    },
  ],
};

test("tables of the same names are replaced by those who agree, and are no failure", () => {
  const checks = checksOf(result, "schema-and-data");
  expect(blocked(checks)).toBe(false);
  expect(taken(checks, "schema-and-data")).toBe("schema public already has table a");
  expect(checks?.[1]).toMatchObject({ result: "warn" });
  expect(checks?.[1]?.do).not.toContain("--replace");
});

test("a strategy for tables that stand there wants to find them", () => {
  const checks = checksOf(result, "data-only");
  expect(checks?.[1]).toEqual({ name: "names", result: "pass", found: "schema public already has table a" });
  expect(taken(checks, "data-only")).toBeUndefined();
});

test("what fails otherwise stands in the way", () => {
  expect(blocked(checksOf({ checks: [{ name: "target", result: "fail", found: "no" }] }, "schema-and-data"))).toBe(
    true,
  );
  expect(checksOf("nothing", "schema-and-data")).toBeUndefined();
});

test("the upload of a file is no application at work", () => {
  const written = { checks: [{ name: "writers", result: "warn", found: "written to 2s ago" }] };
  const upload = "/var/lib/lakeward/uploads/0193f0a4-7c1e-7b7a-9d1f-3c5e8a6b2d40/app.db";
  expect(checksOf(written, "schema-and-data", upload)?.[0]?.result).toBe("pass");
  expect(checksOf(written, "schema-and-data", "/var/lib/app.db")?.[0]?.result).toBe("warn");
});
