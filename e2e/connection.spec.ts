import { expect, look, test } from "./lakeward";

test.use({ world: "connection" });

test("a page that is open while the server is killed goes on when it is started again", async ({ console: page, lakeward }) => {
  await page.goto(`${lakeward.address}/lakebase/new`);
  await page.getByRole("textbox", { name: "Name" }).fill("shop");
  await page.getByRole("button", { name: "Create shop" }).click();
  const progress = page.getByRole("region", { name: "Creating shop" });
  await expect(progress).toBeVisible();

  await lakeward.kill();
  await expect(page.getByText(/No connection to the server/)).toBeVisible();
  await look(page, "offline");
  await lakeward.up();
  await expect(page.getByText(/No connection to the server/)).toBeHidden();
  await expect(page.getByRole("region", { name: "Create shop" }).getByText("Succeeded")).toBeVisible({ timeout: 45_000 });
  await expect(page.getByText("Ready", { exact: true }).first()).toBeVisible();
});

test("a reload in the middle of an operation finds it again", async ({ console: page, lakeward }) => {
  await lakeward.ask("POST", "/api/instances", { name: "second" });
  await page.goto(`${lakeward.address}/lakebase?instance=second`);
  await page.reload();
  await expect(page.getByText("Ready", { exact: true }).first()).toBeVisible({ timeout: 45_000 });
  await expect(page.getByRole("link", { name: /create Succeeded/ })).toBeVisible();
});

test("a browser that is not signed in is told how to", async ({ page, lakeward }) => {
  await page.goto(`${lakeward.address}/lakebase`);
  await expect(page.getByText(/follow the link that the server printed/)).toBeVisible();
});
