import { join } from "node:path";
import type { Page } from "@playwright/test";
import { demo as test, expect, look } from "./lakeward";

/** refused notes what the server refuses while a page is looked at. */
function refused(page: Page) {
  const all: string[] = [];
  page.on("response", (r) => r.status() === 403 && all.push(`${r.request().method()} ${new URL(r.url()).pathname}`));
  return all;
}

test("a viewer sees everything but rows, and is offered nothing that would be refused", async ({ console: page, context, request, lakeward }) => {
  const app = await lakeward.app("ana@example.com");
  const headers = { "X-Forwarded-Email": "ana@example.com", Prefer: "wait=30" };
  const ask = async (path: string, data: unknown) => (await request.post(app + path, { headers, data })).json();
  const source = join(lakeward.dir, "demo/helpdesk.db");
  const plan = await ask("/api/plan", { source, schema: "second" });
  const check = await ask("/api/check", { source, to: "helpdesk", schema: "second" });
  const failed = await ask("/api/migrate", { source: "/nowhere/app.db", to: "helpdesk" });
  await context.setExtraHTTPHeaders({ "X-Forwarded-Email": "bob@example.com" });
  const not = refused(page);
  const none = async (...names: (string | RegExp)[]) => {
    for (const name of names) await expect(page.getByRole("button", { name }), String(name)).toHaveCount(0);
  };

  await page.goto(`${app}/lakebase?instance=helpdesk`);
  await expect(page.getByText("Ready", { exact: true }).first()).toBeVisible();
  await expect(page.getByRole("link", { name: "Viewer" })).toBeVisible();
  await none("Test connection", "Stop", "Start", "More actions", "Resize");
  await expect(page.getByText("Only an administrator may send the application to this instance.")).toBeVisible();
  await look(page, "viewer-lakebase");
  await page.getByRole("button", { name: /Instance helpdesk/ }).click();
  await expect(page.getByRole("option", { name: /helpdesk/ })).toBeVisible();
  await expect(page.getByRole("option", { name: "Create an instance" })).toHaveCount(0);

  await page.goto(`${app}/lakebase/new`);
  await expect(page.getByText("Creating an instance is for administrators.")).toBeVisible();
  await page.goto(`${app}/migrate?instance=helpdesk`);
  await expect(page.getByText("Migrating a database is for administrators.")).toBeVisible();
  await expect(page.getByRole("region", { name: "Migrations" }).getByRole("link", { name: /app\.db.*helpdesk/ })).toBeVisible();
  await page.goto(`${app}/migrate/plan/${plan.id}?instance=helpdesk&check=${check.id}`);
  await expect(page.getByText("Starting a migration is for administrators.")).toBeVisible();
  await expect(page.getByRole("heading", { name: "What to know" })).toBeVisible();
  await none("Start the migration", "Check again", "Another source");
  await expect(page.locator("select:enabled")).toHaveCount(0);
  await look(page, "viewer-plan");
  await page.goto(`${app}/migrate/run/${failed.id}`);
  await expect(page.getByText("The migration failed, and the target is as it was")).toBeVisible();
  await none("Try again", "Begin anew");

  await page.goto(`${app}/connect?instance=helpdesk`);
  await expect(page.getByText("Taking a token is for administrators.")).toBeVisible();
  await none("Test the connection", "Take a token");
  await page.goto(`${app}/data?instance=helpdesk&schema=public&table=users`);
  await expect(page.getByRole("heading", { name: "Rows are for administrators" })).toBeVisible();
  await page.goto(`${app}/operations/${failed.id}`);
  await expect(page.getByText(/No such file/i).first()).toBeVisible();
  await none("Try again", "Cancel");
  await page.goto(`${app}/settings`);
  await expect(page.getByRole("listitem", { name: "Instance" })).toBeVisible();
  await none("Edit");
  await page.getByRole("link", { name: "Viewer" }).click();
  await expect(page.getByText(/bob@example.com was forwarded by Databricks Apps/)).toBeVisible();
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Search and commands" }).fill("create");
  await expect(page.getByRole("option", { name: /Create an instance/ })).toHaveCount(0);
  expect(not).toEqual([]);
});
