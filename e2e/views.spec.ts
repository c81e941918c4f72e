import { join } from "node:path";
import type { Page } from "@playwright/test";
import { expect, look, test } from "./lakeward";

test.use({ world: "views", flags: ["--demo"] });
test.describe.configure({ mode: "serial" });

/** ready waits until the example is migrated, which goes on after the server has printed its link. */
async function ready(page: Page, address: string) {
  await page.goto(`${address}/data?schema=public`);
  await expect(async () => {
    await page.reload();
    await expect(page.getByRole("grid", { name: "Tables of public" }).getByText("tickets", { exact: true })).toBeVisible({ timeout: 4_000 });
  }).toPass({ timeout: 50_000 });
}

test("tables, rows, long values, structure and quarantine can be read", async ({ console: page, lakeward }) => {
  await ready(page, lakeward.address);
  await look(page, "data");
  await page.getByRole("textbox", { name: "Find a table" }).fill("articles");
  await page.getByRole("row", { name: /articles/ }).focus();
  await page.keyboard.press("Enter");
  await expect(page.getByText("75 rows, counted")).toBeVisible();
  const rows = page.getByRole("grid", { name: "Rows of articles" });
  await expect(rows.getByText("NULL").first()).toBeVisible();
  await expect(page.getByText("75 rows, all of them")).toBeVisible();
  await look(page, "data-rows");

  // The body of an article is longer than a line: the arrows lead to it, and Enter shows all of it.
  await rows.getByRole("gridcell").first().focus();
  for (let n = 0; n < 3; n++) await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Enter");
  const value = page.getByRole("dialog", { name: "body" });
  await expect(value.getByText("id = 1", { exact: true })).toBeVisible();
  await expect(value.getByRole("group", { name: "Value of body" })).not.toBeEmpty();
  await look(page, "data-value");
  await page.keyboard.press("Escape");

  await page.getByText("Structure", { exact: true }).click();
  await expect(page.getByRole("region", { name: "Refers to" }).getByRole("link", { name: "users" })).toBeVisible();
  await look(page, "data-structure");

  await page.goto(`${lakeward.address}/data?schema=public&table=messages`);
  await expect(page.getByText(/^Rows 1–100 of/)).toBeVisible();
  await page.getByRole("button", { name: "Next" }).click();
  await expect(page.getByText(/^Rows 101–200 of/)).toBeVisible();
  await page.getByRole("button", { name: "Previous" }).click();
  await expect(page.getByText(/^Rows 1–100 of/)).toBeVisible();

  await page.getByText(/^Quarantine/).click();
  await page.getByRole("row", { name: /public.messages/ }).click();
  await page.getByRole("row", { name: /25 min/ }).click();
  await expect(page.getByRole("dialog").getByText(/kept apart/)).toBeVisible();
  await look(page, "data-quarantine");
});

test("an operation shows its course, its events and what it has found", async ({ console: page, lakeward }) => {
  const source = join(lakeward.dir, "demo/helpdesk.db");
  await page.goto(`${lakeward.address}/operations`);
  await expect(page.getByRole("heading", { name: "Nothing has run yet" })).toBeVisible();
  await look(page, "operations-empty");
  await lakeward.ask("POST", "/api/migrate", { source, to: "helpdesk", schema: "second" });
  await expect(page.getByRole("row", { name: /Succeeded Migrate helpdesk/ })).toBeVisible({ timeout: 40_000 });
  await lakeward.ask("POST", "/api/migrate", { source: "/nowhere/app.db", to: "helpdesk" });
  await expect(page.getByRole("row", { name: /Failed Migrate helpdesk/ })).toBeVisible({ timeout: 20_000 });
  await look(page, "operations");

  await page.getByRole("textbox", { name: "Find operations" }).fill("nowhere");
  await expect(page.getByRole("row", { name: /Migrate helpdesk/ })).toHaveCount(1);
  await expect(page).toHaveURL(/find=nowhere/);
  await page.getByRole("row", { name: /Migrate helpdesk/ }).click();
  await expect(page.getByRole("alert").getByText(/No such file/i)).toBeVisible();
  await look(page, "operation-failed");
  const first = page.url();
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page).not.toHaveURL(first);
  await expect(page.getByRole("link", { name: "the one before" })).toBeVisible();

  await page.goto(`${lakeward.address}/operations?state=succeeded`);
  await page.getByRole("row", { name: /Migrate helpdesk/ }).click();
  await expect(page.getByRole("heading", { name: /Migrate helpdesk/ })).toBeVisible();
  await expect(page.getByText("Identical except what is named.")).toBeVisible();
  await page.getByText("Warnings", { exact: true }).click();
  await expect(page).toHaveURL(/level=warnings/);
  await expect(page.getByRole("log", { name: "Events" }).getByText(/Warning:/).first()).toBeAttached();
  await look(page, "operation");
  await page.getByRole("button", { name: "Download" }).click();
  const [saved] = await Promise.all([page.waitForEvent("download"), page.getByRole("menuitem", { name: /Report as JSON/ }).click()]);
  expect(saved.suggestedFilename()).toMatch(/^migrate-helpdesk-.*\.json$/);
});

test("what saving changes is shown before it is saved, and is in the audit log after", async ({ console: page, lakeward }) => {
  await page.goto(`${lakeward.address}/settings`);
  await expect(page.getByRole("listitem", { name: "Instance" })).toBeVisible();
  await look(page, "settings");
  await page.getByRole("button", { name: "Edit" }).click();
  await page.getByRole("textbox", { name: "Source" }).fill("/srv/other.db");
  const review = page.getByRole("region", { name: "What will change" });
  await expect(review.getByText("/srv/other.db")).toBeVisible();
  await look(page, "settings-edit");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("button", { name: "Edit" })).toBeVisible();
  await expect(page.getByRole("listitem", { name: "Source" }).getByText("/srv/other.db")).toBeVisible();

  await page.getByRole("tab", { name: "Access" }).click();
  await expect(page.getByText("administrator", { exact: true })).toBeVisible();
  await look(page, "settings-access");
  await page.getByRole("tab", { name: "Audit log" }).click();
  await expect(page.getByRole("row", { name: /changed the configuration/ }).first()).toBeVisible();
  await look(page, "settings-audit");
  const asked = page.waitForRequest((r) => /\/api\/audit\?.*text=CONFIG/.test(r.url()));
  await page.getByRole("textbox", { name: "Find lines" }).fill("CONFIG local");
  await asked;
  await expect(page.getByText("1 match", { exact: true })).toBeVisible();
});

test("a token is hidden until asked for, and gone when forgotten", async ({ console: page, lakeward }) => {
  await page.goto(`${lakeward.address}/connect`);
  await expect(page.getByRole("heading", { name: "Connect to helpdesk" })).toBeVisible();
  await look(page, "connect");
  const address = page.getByRole("group", { name: /^the address/ });
  await expect(address).not.toContainText("•");
  await page.getByRole("button", { name: "Take a token" }).click();
  await expect(address).toContainText("•••");
  const show = page.getByRole("button", { name: "Show the secret" });
  await show.first().click();
  await expect(page.getByText(/^eyJ/)).toBeVisible();
  await show.first().click();
  await expect(page.getByText(/^eyJ/)).toBeHidden();
  await look(page, "connect-token");
  await page.getByRole("button", { name: "Forget it" }).click();
  await expect(address).not.toContainText("•");

  await page.getByRole("tab", { name: "psql" }).focus();
  await page.keyboard.press("ArrowRight");
  await expect(page.getByRole("tab", { name: "Go", exact: true })).toBeFocused();
  await expect(page.getByRole("group", { name: "the snippet for Go" })).toContainText("lakeward.NewConnector");
  await page.getByRole("button", { name: "Test the connection" }).click();
  await expect(page.getByText("The connection works")).toBeVisible();
  await look(page, "connect-tested");
});
