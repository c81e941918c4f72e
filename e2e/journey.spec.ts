import { join } from "node:path";
import type { Page } from "@playwright/test";
import { demo as test, expect, type Lakeward, look } from "./lakeward";

test.describe.configure({ mode: "serial" });

const whole = "Every row is accounted for, with exceptions that are named below";

/** plan asks for the plan of the example, from where the server can read it, to the instance that the console looks at. */
async function plan(page: Page, lakeward: Lakeward) {
  await page.getByText("On the server", { exact: true }).click();
  await page.getByRole("combobox", { name: /Path of the SQLite file/ }).fill(join(lakeward.dir, "demo/helpdesk.db"));
  await page.getByRole("button", { name: "Check and plan" }).click();
  await expect(page.getByText(/Nothing stands in the way/)).toBeVisible();
}

/** middle waits until a migration that is held has copied all tables but one. */
async function middle(page: Page) {
  await expect(page.getByText("Target untouched until the swap.")).toBeVisible();
  await expect(page.getByText(/^15 of 16 tables copied/)).toBeVisible();
  await expect(page.getByRole("status").filter({ hasText: /^Copying: [\d,]+ of 60,749 rows/ })).toBeVisible();
}

test("create, migrate the example, watch, report, enable, connect, stop, start and delete", async ({ console: page, lakeward }) => {
  await page.goto(`${lakeward.address}/lakebase/new`);
  await page.getByRole("textbox", { name: "Name" }).fill("shop");
  await page.getByRole("button", { name: "Create shop" }).click();
  await expect(page.getByText("Ready", { exact: true }).first()).toBeVisible({ timeout: 45_000 });

  await page.getByRole("link", { name: "Migrate", exact: true }).click();
  await plan(page, lakeward);
  const hold = lakeward.hold("shop", "messages");
  await page.getByRole("button", { name: "Start the migration" }).click();
  await middle(page);
  const messages = page.getByRole("grid", { name: "Tables of the migration" }).getByRole("row", { name: /^messages/ });
  await expect(messages).toContainText("of 21,070");
  await expect(messages).toContainText("not yet");
  await expect(page.getByRole("listitem").filter({ hasText: "Verify" })).toContainText("Every row, compared with the source");
  await look(page, "migrate-run");
  await hold.release();
  await expect(page.getByRole("heading", { name: whole })).toBeVisible();
  await expect(page.getByText("16 of 16 tables equal")).toBeVisible();

  await page.getByRole("button", { name: "Enable", exact: true }).click();
  await expect(page.getByText("The application uses this instance")).toBeVisible();
  await page.getByRole("region", { name: "What to do next" }).getByRole("link", { name: "Connect" }).click();
  await expect(page.getByRole("heading", { name: "Connect to shop" })).toBeVisible();
  await page.getByRole("button", { name: "Test the connection" }).click();
  await expect(page.getByText("The connection works")).toBeVisible();

  await page.getByRole("link", { name: "Lakebase", exact: true }).click();
  await expect(page.getByRole("switch", { name: "Lakebase is enabled" })).toBeChecked();
  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await expect(page.getByText("Stopped", { exact: true }).first()).toBeVisible();
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await expect(page.getByRole("button", { name: "Stop", exact: true })).toBeEnabled();
  expect(await lakeward.psql("shop", "SELECT count(*) FROM messages")).toBe("21069"); // the rows are still there; one is in quarantine
  await page.getByRole("button", { name: "More actions" }).click();
  await page.getByRole("menuitem", { name: /Delete/ }).click();
  await page.getByRole("dialog").getByRole("textbox").fill("shop");
  await page.getByRole("button", { name: "Delete for good" }).click();
  await expect(page.getByRole("heading", { name: "shop is deleted" })).toBeVisible();
});

test("a migration that is cancelled in the middle leaves the target as it was", async ({ console: page, lakeward }) => {
  await lakeward.done("POST", "/api/instances", { name: "middle" });
  await page.goto(`${lakeward.address}/migrate?instance=middle`);
  await plan(page, lakeward);
  const hold = lakeward.hold("middle", "messages");
  await page.getByRole("button", { name: "Start the migration" }).click();
  await middle(page);
  await page.getByRole("button", { name: "Cancel", exact: true }).click();
  await expect(page.getByText("middle stays as it was.", { exact: false })).toBeVisible();
  await page.getByRole("button", { name: "Cancel the migration" }).click();
  await expect(page.getByRole("heading", { name: "Cancelled" })).toBeVisible();
  await hold.release();
  await expect(page.getByText("Nothing of the target or the source has changed.")).toBeVisible();
  await look(page, "migrate-cancelled");
  const left = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'public' OR nspname LIKE 'lakeward%'";
  expect(await lakeward.psql("middle", left)).toBe("0");
});

test("a reload and a killed server in the middle of a migration end in its report", async ({ console: page, lakeward }) => {
  await page.goto(`${lakeward.address}/migrate?instance=middle`);
  await page.getByRole("link", { name: /helpdesk\.db.*middle/ }).first().click();
  const hold = lakeward.hold("middle", "messages");
  await page.getByRole("button", { name: "Try again" }).click();
  await middle(page);
  await page.reload();
  await middle(page);
  const id = new URL(page.url()).pathname.split("/").pop();

  await lakeward.kill();
  await hold.release();
  await expect(page.getByText(/No connection to the server/)).toBeVisible();
  await middle(page); // what was known stays in sight
  await lakeward.up();
  await expect(page.getByText(/No connection to the server/)).toBeHidden();
  await expect(page.getByRole("heading", { name: whole })).toBeVisible({ timeout: 60_000 });
  await expect(page.getByText("16 of 16 tables equal")).toBeVisible();
  await page.getByRole("link", { name: "Events" }).click();
  await expect(page.getByText("2: a server died, and another went on")).toBeVisible();
  expect(await lakeward.ask("GET", `/api/operations/${id}`)).toMatchObject({ state: "succeeded", attempt: 2 });
});
