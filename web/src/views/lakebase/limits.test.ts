import { expect, test } from "vitest";
import type { Instance } from "@/api/family";
import { limitsOf } from "./limits";

const instance = (endpoint?: string): Instance => ({
  name: "shop",
  uid: "u",
  state: "AVAILABLE",
  status: "READY",
  host: "h",
  port: 5432,
  database: "databricks_postgres",
  ...(endpoint ? { endpoint } : {}),
});
const autoscaling = instance("projects/shop/branches/production/endpoints/primary");

test("limits are those of what the workspace makes", () => {
  expect(limitsOf("CU_1", [autoscaling])).toEqual({
    connections: 1678,
    data: "8 TB",
    family: "Autoscaling",
    sure: true,
  });
  expect(limitsOf("CU_8", [autoscaling, instance()]).connections).toBe(4000);
  expect(limitsOf("CU_8", [instance()])).toEqual({
    connections: 1000,
    data: "2 TB",
    family: "Provisioned",
    sure: true,
  });
});

test("in a workspace without instances nobody can be sure", () => {
  expect(limitsOf("CU_2", [])).toMatchObject({ connections: 3357, sure: false });
});
