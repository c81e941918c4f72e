import { join } from "node:path";
import { demo as test, expect, look } from "./lakeward";

test.describe.configure({ mode: "serial" });

const policy = "What happens to values of messages.minutes_spent that do not fit";
let plan = "";
let report = "";

test("a database is uploaded, checked and planned", async ({ console: page, lakeward }) => {
  await lakeward.ask("POST", "/api/instances", { name: "moved" });
  await page.goto(`${lakeward.address}/migrate?instance=moved`);
  await expect(page.getByText("Ready", { exact: true }).first()).toBeVisible();
  const file = page.getByLabel("SQLite file");
  await file.setInputFiles({ name: "app.dump", mimeType: "application/octet-stream", buffer: Buffer.from("PGDMP and more") });
  await expect(page.getByRole("alert")).toContainText("This is an archive of pg_dump");
  await page.getByRole("button", { name: "Choose another file" }).click();
  await expect(page.getByRole("button", { name: "Check and plan" })).toBeDisabled();
  await file.setInputFiles(join(lakeward.dir, "demo/helpdesk.db"));
  await expect(page.getByText("On the server, and whole.")).toBeVisible();
  await look(page, "migrate-start");
  await page.getByRole("button", { name: "Check and plan" }).click();
  await expect(page.getByText("Nothing stands in the way")).toBeVisible();
  await expect(page.getByRole("heading", { name: "For you to decide" })).toBeVisible();
  await expect(page.getByText("60,749 rows · 1 predicted for quarantine · 17 kept without a parent")).toBeVisible();
  plan = page.url();
  await look(page, "migrate-plan");
});

test("the plan is edited; what the server refuses is shown at its place; a reload loses nothing", async ({ console: page }) => {
  await page.goto(plan);
  const fits = page.getByLabel(policy, { exact: true }).first();
  await fits.selectOption("replace");
  await page.getByLabel(`Replacement: ${policy}`, { exact: true }).first().fill("soon");
  await page.getByRole("button", { name: "Check the edits" }).click();
  await expect(page.getByText("The edited plan cannot be obeyed")).toBeVisible();
  await page.getByRole("radiogroup", { name: "Which columns" }).getByText(/^To decide/).click();
  const line = page.getByRole("row").filter({ hasText: "minutes_spent" });
  await expect(line.getByText('"soon" is not an integer')).toBeVisible();
  await line.press("Enter");
  await expect(line).toHaveAttribute("aria-expanded", "true");
  await look(page, "migrate-plan-refused");
  await fits.selectOption("quarantine");
  await page.getByRole("textbox", { name: "Search the plan" }).fill("primary_contact");
  await page.getByRole("radiogroup", { name: "Which columns" }).getByText("All", { exact: true }).click();
  await page.getByLabel("Type of organizations.primary_contact_id", { exact: true }).selectOption("integer");
  await expect(page.getByText("1 edit", { exact: true }).first()).toBeVisible();
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(page.getByText("No edits")).toBeVisible();
  await page.getByRole("button", { name: "Redo" }).click();
  await page.getByRole("button", { name: "Check the edits" }).click();
  await expect(page.getByText("The server has checked them.")).toBeVisible();
  await page.reload();
  await expect(page.getByText("The server has checked them.")).toBeVisible();
  plan = page.url();
});

test("the plan works with the keyboard alone", async ({ console: page }) => {
  await page.goto(plan);
  const grid = page.getByRole("treegrid", { name: "The plan" });
  await grid.getByRole("row").nth(1).focus();
  await page.keyboard.press("ArrowDown");
  await expect(grid.locator(":focus")).toHaveAttribute("data-index", "1");
  await page.keyboard.press("Enter");
  await expect(grid.locator(":focus")).toHaveAttribute("aria-expanded", "true");
  await page.keyboard.press("End");
  await expect(grid.locator(":focus")).toHaveAttribute("data-index", "116"); // the last column of the last table
});

test("it runs, and its report proves each table", async ({ console: page }) => {
  await page.goto(plan);
  await page.getByRole("button", { name: "Start the migration" }).click();
  await page.waitForURL(/\/migrate\/run\//);
  report = page.url();
  await expect(page.getByRole("heading", { name: "Every row is accounted for, with exceptions that are named below" })).toBeVisible();
  await expect(page.getByText("16 of 16 tables equal")).toBeVisible();
  const quarantine = page.getByRole("region", { name: "Quarantine" });
  await quarantine.getByRole("button", { name: /minutes_spent/ }).click();
  await expect(quarantine.getByRole("cell", { name: '{"id": 101}', exact: true })).toBeVisible();
  await expect(quarantine.getByText("25 min").first()).toBeVisible();
  await look(page, "migrate-report");
  const saved = page.waitForEvent("download");
  await page.getByRole("link", { name: "HTML" }).click();
  expect((await saved).suggestedFilename()).toMatch(/\.html$/);
});

test("a reload finds the report again, and the list leads to it", async ({ console: page, lakeward }) => {
  await page.goto(report);
  await expect(page.getByText("16 of 16 tables equal")).toBeVisible();
  await page.goto(`${lakeward.address}/migrate?instance=moved`);
  await page.getByRole("link", { name: /helpdesk\.db.*moved/ }).first().click();
  await expect(page.getByText("16 of 16 tables equal")).toBeVisible();
});

test("tables that stand there are replaced only by who types the name", async ({ console: page, lakeward }) => {
  await page.goto(plan.replace(/check=[^&]*/, ""));
  const check = await lakeward.ask("POST", "/api/check", { source: join(lakeward.dir, "demo/helpdesk.db"), to: "moved" });
  await page.goto(plan.replace(/check=[^&]*/, `check=${check.id}`));
  await expect(page.getByText("They would be replaced")).toBeVisible();
  await page.getByRole("button", { name: "Start the migration" }).click();
  const go = page.getByRole("button", { name: "Replace and migrate" });
  await expect(go).toBeDisabled();
  await page.getByRole("textbox", { name: /Type moved/ }).fill("moved");
  await look(page, "migrate-replace");
  await go.click();
  await expect(page.getByText("16 of 16 tables equal")).toBeVisible();
});
