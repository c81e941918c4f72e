import { expect, test } from "vitest";
import { type Entry, meaning, thing } from "./audit";
import { type Config, changes, originOf, request, shown } from "./config";
import { settingsSearch } from "./search";

const config: Config = {
  enabled: true,
  instance_name: "shop",
  capacity: "CU_1",
  retention_days: 7,
  node_count: 0,
  instance_status: "READY",
  endpoint: "ep-shop",
  database_type: "lakebase",
  schema: "public",
  source: "/srv/app.db",
  created_at: "",
  migration_completed: false,
  migration_date: "",
  origins: {},
  notes: [],
};

test("an edit that changes nothing is no change, and nothing of it is sent", () => {
  expect(changes(config, { schema: "public" })).toEqual([]);
  expect(request(config, { schema: "public", source: "/srv/other.db" })).toEqual({ source: "/srv/other.db" });
});

test("another instance takes what was noted of the first with it, and that is shown before it is saved", () => {
  const todo = changes(config, { instance_name: "next" });
  expect(todo.map((c) => [c.label, c.from, c.to])).toEqual([
    ["Instance", "shop", "next"],
    ["Endpoint", "ep-shop", "not set"],
    ["Capacity", "CU_1", "not set"],
    ["Days of history", "7", "not set"],
  ]);
  expect(todo[1]?.because).toContain("shop");
  const both = changes(config, { instance_name: "next", capacity: "CU_2" });
  expect(both.filter((c) => c.label === "Capacity").map((c) => c.to)).toEqual(["CU_2"]);
});

test("values are written for people", () => {
  expect([true, false, "", 0, 7, "x"].map(shown)).toEqual(["on", "off", "not set", "not set", "7", "x"]);
});

test("what flags, variables and files say cannot be changed here", () => {
  const all = [
    "--instance",
    "LAKEBASE_INSTANCE_NAME",
    "/etc/lakeward.yaml",
    "store /d/store.db",
    "mirror in instance shop",
    "default",
    undefined,
  ];
  expect(all.map((o) => [originOf(o).what, originOf(o).fixed])).toEqual([
    ["flag", true],
    ["environment", true],
    ["file", true],
    ["store", false],
    ["mirror", false],
    ["default", false],
    ["none", false],
  ]);
});

test("an address is read as far as it is known", () => {
  expect(settingsSearch({ tab: "audit", outcome: "denied", actor: "ana" })).toEqual({
    tab: "audit",
    outcome: "denied",
    actor: "ana",
  });
  expect(settingsSearch({ tab: "configuration", outcome: "exploded" })).toEqual({});
});

const entry: Entry = {
  id: 1,
  time: "2026-11-27T09:00:00Z",
  actor: "ana@example.com",
  action: "POST /api/operations/{id}/cancel",
  object: "/api/operations/0193/cancel",
  outcome: "done",
};

test("a line of the audit log says what was done, and leads to it", () => {
  expect(meaning(entry.action)).toBe("cancelled an operation");
  expect(meaning("PUT /api/new")).toBe("PUT /api/new");
  expect(thing(entry)).toEqual({ operation: "0193" });
  expect(thing({ ...entry, object: "/api/instances/my%20shop/stop" })).toEqual({ instance: "my shop" });
  expect(thing({ ...entry, object: "/api/migrate" })).toBeUndefined();
});
