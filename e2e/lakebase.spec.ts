import { expect, look, test } from "./lakeward";

test.use({ world: "lakebase" });

test.describe.configure({ mode: "serial" });

test("the printed link leads to the console, which says how to begin", async ({ page, lakeward, console: signedIn }) => {
  await signedIn.goto(lakeward.address);
  await expect(page).toHaveURL(/\/lakebase/);
  await expect(page.getByRole("heading", { name: "The workspace has no instance yet" })).toBeVisible();
  await look(page, "lakebase-empty");
});

test("an instance is created, tested, enabled, stopped, started, resized and deleted", async ({ console: page, lakeward }) => {
  await page.goto(`${lakeward.address}/lakebase/new`);

  const name = page.getByRole("textbox", { name: "Name" });
  const submit = page.getByRole("button", { name: /^Create/ });
  await name.fill("my shop");
  await expect(page.getByText("Use letters, digits and hyphens only, not a space.")).toBeVisible();
  await expect(submit).toBeDisabled();
  await look(page, "create-wrong-name");
  await name.fill("shop");
  await page.getByRole("radio", { name: /CU_2/ }).check();
  await look(page, "create");
  await submit.click();

  await expect(page).toHaveURL(/\/lakebase\?instance=shop/);
  await expect(page.getByRole("heading", { name: "shop", level: 1 })).toBeVisible();
  await expect(page.getByText("Ready", { exact: true }).first()).toBeVisible({ timeout: 40_000 });
  await expect(page.getByRole("region", { name: "Create shop" }).getByText("Succeeded")).toBeVisible();
  await expect(page.getByText("CU_2, 32 GB of memory")).toBeVisible();

  await page.getByRole("button", { name: "Test connection" }).click();
  await expect(page.getByText("The connection works")).toBeVisible();
  await expect(page.getByText(/PostgreSQL \d+\S* answered the smallest query/)).toBeVisible();
  await look(page, "lakebase-ready-tested");

  await page.getByRole("switch", { name: "Enable Lakebase" }).click();
  await expect(page.getByRole("switch", { name: "Lakebase is enabled" })).toBeChecked();

  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await expect(page.getByText("Stopped", { exact: true }).first()).toBeVisible();
  await page.getByRole("button", { name: "Test connection" }).click();
  await expect(page.getByText("The connection does not work")).toBeVisible();
  await look(page, "lakebase-stopped-tested");

  await page.getByRole("button", { name: "Start", exact: true }).click();
  await expect(page.getByText("Ready", { exact: true }).first()).toBeVisible();
  await expect(page.getByRole("button", { name: "Stop", exact: true })).toBeEnabled();

  await page.getByRole("button", { name: "Resize", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByRole("button", { name: "Resize" })).toBeDisabled();
  await dialog.getByRole("radio", { name: /CU_4/ }).check();
  await look(page, "lakebase-resize");
  await dialog.getByRole("button", { name: "Resize" }).click();
  await expect(page.getByText("CU_4, 64 GB of memory")).toBeVisible();
  await expect(page.getByRole("button", { name: "Stop", exact: true })).toBeEnabled();

  await page.getByRole("button", { name: "More actions" }).click();
  await page.getByRole("menuitem", { name: /Delete/ }).click();
  const destroy = dialog.getByRole("button", { name: "Delete for good" });
  await expect(dialog.getByText("The application uses this instance.")).toBeVisible();
  await dialog.getByRole("textbox").fill("sho");
  await expect(destroy).toBeDisabled();
  await look(page, "lakebase-delete");
  await dialog.getByRole("textbox").fill("shop");
  await destroy.click();
  await expect(page.getByRole("heading", { name: "shop is deleted" })).toBeVisible();
  await look(page, "lakebase-deleted");
  expect((await lakeward.ask("GET", "/api/instances")).instances).toEqual([]);
});

test("an instance that is not there is said to be not created", async ({ console: page, lakeward }) => {
  await page.goto(`${lakeward.address}/lakebase?instance=gone`);
  await expect(page.getByText("Not created").first()).toBeVisible();
  await look(page, "lakebase-not-created");
});

test("the keyboard alone reaches everything", async ({ console: page, lakeward }) => {
  await page.goto(`${lakeward.address}/lakebase`);
  await expect(page.getByRole("heading", { name: "The workspace has no instance yet" })).toBeVisible();
  await page.keyboard.press("Control+k");
  const search = page.getByRole("combobox", { name: "Search and commands" });
  await expect(search).toBeFocused();
  await look(page, "palette");
  await search.fill("create");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/lakebase\/new/);
});
