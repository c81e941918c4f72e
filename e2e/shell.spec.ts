import { expect, look, test } from "./lakeward";

test.use({ world: "shell" });

test("the picker finds instances, and all views go along with the choice", async ({ console: page, lakeward }) => {
  await lakeward.ask("POST", "/api/instances", { name: "orders" });
  await lakeward.ask("POST", "/api/instances", { name: "Legacy-CRM" });
  await page.goto(`${lakeward.address}/lakebase?instance=orders`);
  await expect(page.getByText("Ready", { exact: true }).first()).toBeVisible({ timeout: 45_000 });
  const picker = page.getByRole("button", { name: /Instance orders/ });
  await picker.click();
  await expect(page.getByRole("option", { name: /orders.*Autoscaling/ })).toBeVisible();
  await expect(page.getByRole("option", { name: /Legacy-CRM.*Ready/ })).toBeVisible({ timeout: 45_000 });
  await look(page, "picker");
  await page.getByRole("textbox", { name: "Find an instance" }).fill("crm ready");
  await expect(page.getByRole("option", { name: /orders/ })).toBeHidden();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/instance=Legacy-CRM/);
  await expect(page.getByRole("heading", { name: "Legacy-CRM", level: 1 })).toBeVisible();
  await page.getByRole("link", { name: "Operations" }).click();
  await expect(page).toHaveURL(/\/operations\?instance=Legacy-CRM/); // the choice goes along
});

test("a narrow window has the navigation behind a button", async ({ console: page, lakeward }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto(`${lakeward.address}/lakebase`);
  await expect(page.getByRole("link", { name: "Settings" })).toBeHidden();
  await page.getByRole("button", { name: "Open the menu" }).click();
  await page.getByRole("link", { name: "Settings" }).click();
  await expect(page).toHaveURL(/\/settings/);
  await expect(page.getByRole("link", { name: "Migrate" })).toBeHidden();
});

test("the theme that was chosen is there before the first paint", async ({ console: page, lakeward }) => {
  await page.emulateMedia({ colorScheme: "light" });
  await page.goto(`${lakeward.address}/lakebase`);
  await page.getByRole("button", { name: "Theme" }).click();
  await page.getByRole("menuitem", { name: "Dark" }).click();
  const scheme = () => page.evaluate(() => document.documentElement.getAttribute("data-mantine-color-scheme"));
  expect(await scheme()).toBe("dark");
  await page.route(/assets\/index-.*js/, (route) => route.abort());
  await page.reload({ waitUntil: "domcontentloaded" });
  expect(await scheme()).toBe("dark"); // without any of the console's code
});

test("who wants no motion sees colours change at once", async ({ console: page, lakeward }) => {
  await page.goto(`${lakeward.address}/lakebase?instance=orders`);
  await expect(page.getByRole("heading", { level: 1, name: "orders" })).toBeVisible();
  const moving = await page.evaluate(() => {
    const root = document.documentElement;
    root.dataset.mantineColorScheme = root.dataset.mantineColorScheme === "dark" ? "light" : "dark";
    return document.getAnimations().length;
  });
  expect(moving).toBe(0);
});

test("while the server thinks there are skeletons, and what it refuses is explained", async ({ console: page, lakeward }) => {
  await page.route("**/api/instances", async (route) => {
    await new Promise((done) => setTimeout(done, 2_000));
    await route.fulfill({
      status: 502,
      headers: { "X-Request-Id": "7d1f" },
      contentType: "application/problem+json",
      body: JSON.stringify({ title: "Bad Gateway", status: 502, kind: "unauthenticated", detail: "the workspace does not know the server", hint: "set DATABRICKS_TOKEN anew" }),
    });
  });
  await page.goto(`${lakeward.address}/lakebase`);
  await expect(page.getByRole("status", { name: "Loading" })).toBeVisible();
  const alert = page.getByRole("alert");
  await expect(alert.getByText("The workspace does not know the server.")).toBeVisible();
  await expect(alert.getByText("Set DATABRICKS_TOKEN anew.")).toBeVisible();
  await expect(alert.getByText("7d1f")).toBeVisible();
  await look(page, "refused");
  await page.unroute("**/api/instances");
  await alert.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("heading", { level: 1, name: /orders|Legacy-CRM/ })).toBeVisible();
});

test("a session that has ended is said to have", async ({ console: page, context, lakeward }) => {
  await page.goto(`${lakeward.address}/lakebase?instance=orders`);
  await expect(page.getByRole("heading", { level: 1, name: "orders" })).toBeVisible();
  await context.clearCookies();
  await expect(page.getByText("The session has ended.")).toBeVisible();
});
