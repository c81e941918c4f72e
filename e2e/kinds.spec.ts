import { join } from "node:path";
import type { Page } from "@playwright/test";
import { demo as test, expect, type Lakeward, look } from "./lakeward";

test.describe.configure({ mode: "serial" });

const migration = (page: Page) => page.getByRole("region", { name: "State of the migration" });

/** bring brings the example to the instance that the console looks at, by a strategy, and waits for what is found. */
async function bring(page: Page, lakeward: Lakeward, strategy: string, instance: string) {
  await page.goto(`${lakeward.address}/migrate?instance=${instance}`);
  await page.getByText("On the server", { exact: true }).click();
  await page.getByRole("combobox", { name: /Path of the SQLite file/ }).fill(join(lakeward.dir, "demo/helpdesk.db"));
  await page.getByRole("radio", { name: new RegExp(`^${strategy}`) }).check();
  await page.getByRole("button", { name: "Check and plan" }).click();
  await expect(page.getByText(/Nothing stands in the way/)).toBeVisible();
  await expect(page.getByText(`${strategy}, into schema public.`)).toBeVisible();
}

test("the schema alone, then what it lacks, then the rows alone", async ({ console: page, lakeward }) => {
  await lakeward.done("POST", "/api/instances", { name: "parts" });
  await bring(page, lakeward, "Schema only", "parts");
  await page.getByRole("button", { name: "Start the migration" }).click();
  await expect(page.getByRole("heading", { name: "The schema is there; no row was asked for" })).toBeVisible();
  expect(await lakeward.psql("parts", "SELECT count(*) FROM tickets")).toBe("0");

  await lakeward.psql("parts", "ALTER TABLE articles DROP COLUMN views; DROP TABLE settings");
  await bring(page, lakeward, "Use existing", "parts");
  await page.getByRole("button", { name: "Compare with what is there" }).click();
  const alert = page.getByRole("alert");
  await expect(alert.getByText("The instance does not have all that the source has")).toBeVisible();
  await expect(alert.getByText("table articles has no column views, it has no table settings", { exact: false })).toBeVisible();
  await look(page, "migrate-existing-differs");

  await bring(page, lakeward, "Expand existing", "parts");
  await page.getByRole("button", { name: "Start the migration" }).click();
  await expect(migration(page).getByText("Succeeded")).toBeVisible();
  await expect(page.getByRole("row", { name: /settings none asked for/ })).toBeVisible();
  await look(page, "migrate-expanded");
  expect(await lakeward.psql("parts", "SELECT count(views) FROM articles; SELECT count(*) FROM settings")).toBe("0\n0");

  // Real foreign keys refuse the rows without a parent, and say so; without those keys the rows come.
  await bring(page, lakeward, "Data only", "parts");
  await page.getByRole("button", { name: "Start the migration" }).click();
  await expect(page.getByRole("alert").getByText("Mend the rows without a parent in the source", { exact: false })).toBeVisible();
  await expect(page.getByRole("alert")).not.toContainText("INSERT INTO");
  await expect(page.getByText("copied and compared, and none of it was put in place", { exact: false })).toBeVisible();
  await look(page, "migrate-data-only-refused");
  await lakeward.psql("parts", "ALTER TABLE messages DROP CONSTRAINT messages_ticket_id_fkey; ALTER TABLE ticket_tags DROP CONSTRAINT ticket_tags_ticket_id_fkey");
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("heading", { name: /^Every row is accounted for/ })).toBeVisible();
  expect(await lakeward.psql("parts", "SELECT count(*) FROM messages")).toBe("21069");
});

test("a PostgreSQL is a source too, and its password is seen by nobody", async ({ console: page, lakeward }) => {
  await lakeward.done("POST", "/api/instances", { name: "copy" });
  const { host, port, database, user } = await lakeward.ask("GET", "/api/instances/parts/connect");
  const { token } = await lakeward.ask("POST", "/api/instances/parts/credential");
  await page.goto(`${lakeward.address}/migrate?instance=copy`);
  await page.getByText("PostgreSQL", { exact: true }).click();
  const address = page.getByRole("textbox", { name: "Address" });
  await address.fill(`postgres://${encodeURIComponent(user)}:${token}@${host}:${port}/${database}?sslmode=require`);
  await expect(address).not.toHaveValue(new RegExp(token));
  await page.getByRole("button", { name: "Check and plan" }).click();
  await expect(page.getByText(/Nothing stands in the way/)).toBeVisible();
  await expect(page.getByRole("row", { name: /messages/ })).toBeVisible();
  await look(page, "migrate-postgres");
  await page.getByRole("button", { name: "Start the migration" }).click();
  await expect(page.getByRole("heading", { name: "Every row is there, and proven equal" })).toBeVisible({ timeout: 60_000 });
  expect(await page.content()).not.toContain(token);
  expect(await lakeward.psql("copy", "SELECT count(*) FROM messages")).toBe("21069");
});
