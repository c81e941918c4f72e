import { expect, test } from "vitest";
import type { Instance } from "@/api/family";

import { find, rank } from "./find";

const instance = (name: string, more: Partial<Instance> = {}): Instance => ({
  name,
  uid: name,
  state: "ACTIVE",
  status: "READY",
  host: "",
  port: 5432,
  database: "databricks_postgres",
  ...more,
});

test("instances are found by words of their name, family and state", () => {
  const all = [
    instance("shop", { endpoint: "projects/shop/branches/production/endpoints/primary" }),
    instance("shop-old", { status: "STOPPED", state: "STOPPED" }),
    instance("crm"),
  ];
  const names = (search: string) => find(all, search).map((i) => i.name);
  expect(names("")).toEqual(["shop", "shop-old", "crm"]);
  expect(names("shop")).toEqual(["shop", "shop-old"]);
  expect(names("SHOP stopped")).toEqual(["shop-old"]);
  expect(names("auto")).toEqual(["shop"]);
  expect(names("nothing")).toEqual([]);
});

test("commands that begin with what was typed come first, groups stay together", () => {
  const all = [
    { group: "Views", name: "Migrate" },
    { group: "Views", name: "Data" },
    { group: "Instances", name: "data-lake" },
    { group: "Operations", name: "Backup of data" },
  ];
  expect(rank(all, "data").map((c) => c.name)).toEqual(["Data", "data-lake", "Backup of data"]);
  expect(rank(all, "").length).toBe(4);
});
