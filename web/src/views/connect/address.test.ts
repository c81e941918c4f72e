import { expect, test } from "vitest";
import { environment, type How, life, withPassword } from "./address";
import { connectSearch } from "./search";

const how: How = {
  instance: "shop",
  host: "ep-shop.example.com",
  port: 5432,
  database: "databricks_postgres",
  user: "ana o'neill@example.com",
  ssl_mode: "verify-full",
  dsn: "postgres://ana%40example.com@ep-shop.example.com:5432/databricks_postgres?sslmode=verify-full",
  proxy_dsn: "",
  proxy_command: "",
  token_command: "lakeward token shop",
  snippets: [],
};

test("a password goes between the user and the host, and is encoded", () => {
  expect(withPassword(how.dsn, "a/b@c")).toBe(
    "postgres://ana%40example.com:a%2Fb%40c@ep-shop.example.com:5432/databricks_postgres?sslmode=verify-full",
  );
  expect(withPassword("postgres://a:b@h/d", "x")).toBe("postgres://a:b@h/d");
});

test("variables are quoted for a shell, and without a token say where one comes from", () => {
  const text = environment(how, undefined);
  expect(text).toContain("PGUSER='ana o'\\''neill@example.com'\n");
  expect(text).toContain("PGSSLROOTCERT=system\n");
  expect(text).toContain("PGPASSWORD=$(lakeward token shop)\n");
  expect(environment({ ...how, root_cas: "/d/ca.pem" }, "tok")).toMatch(/PGSSLROOTCERT=\/d\/ca.pem\nPGPASSWORD=tok\n$/);
});

test("a token expires at its second", () => {
  const at = Date.parse("2026-11-27T10:00:00Z");
  expect(life("2026-11-27T10:00:00Z", at - 61_000)).toEqual({ expired: false, seconds: 61 });
  expect(life("2026-11-27T10:00:00Z", at)).toEqual({ expired: true, seconds: 0 });
});

test("the address names a snippet", () => {
  expect(connectSearch({ with: "go" })).toEqual({ with: "go" });
  expect(connectSearch({ with: 3 })).toEqual({});
});
