import { demo as test, expect, look } from "./lakeward";

test.describe.configure({ mode: "serial" });

test("five hundred tables are found, sorted and opened, and few of them are drawn", async ({ console: page, lakeward }) => {
  await lakeward.done("POST", "/api/instances", { name: "wide" });
  await lakeward.psql(
    "wide",
    `SELECT format('CREATE TABLE t%s AS SELECT generate_series(1, %s) AS id', lpad(n::text, 3, '0'), n) FROM generate_series(1, 500) n \\gexec
    ANALYZE`,
  );
  await page.goto(`${lakeward.address}/data?instance=wide&schema=public`);
  const grid = page.getByRole("grid", { name: "Tables of public" });
  await expect(grid).toHaveAttribute("aria-rowcount", "501");
  await expect(page.getByText(/500 tables/)).toBeVisible();
  const drawn = () => grid.getByRole("row").count();
  expect(await drawn()).toBeLessThan(60);
  await look(page, "data-500");

  await grid.getByRole("row").nth(1).focus();
  await page.keyboard.press("End");
  await expect(grid.locator(":focus")).toContainText("t500");
  expect(await drawn()).toBeLessThan(60);
  await grid.getByRole("button", { name: "Rows" }).click();
  await grid.getByRole("button", { name: "Rows" }).click();
  await expect(grid.getByRole("row").nth(1)).toContainText("t500"); // the largest; sorted, the list is at its top again
  await expect(grid.getByRole("row").nth(1)).toBeInViewport();
  await page.getByRole("textbox", { name: "Find a table" }).fill("t321");
  await page.getByRole("row", { name: /t321/ }).click();
  await expect(page.getByRole("grid", { name: "Rows of t321" })).toBeVisible();
});

test("ten thousand events are read as quickly as ten, and few of them are drawn", async ({ console: page, lakeward }) => {
  const operation = await lakeward.done("POST", "/api/instances", { name: "busy" });
  const time = new Date().toISOString();
  const events = Array.from({ length: 10_000 }, (_, n) => ({ seq: n + 1, time, type: n % 100 ? "info" : "warning", phase: n < 5_000 ? "load" : "verify", message: `step ${n + 1}` }));
  const body = [...events.map((e) => `id: ${e.seq}\nevent: event\ndata: ${JSON.stringify(e)}\n\n`), `event: end\ndata: ${JSON.stringify(operation)}\n\n`].join("");
  await page.route("**/events*", (route) => route.fulfill({ contentType: "text/event-stream", body }));
  await page.goto(`${lakeward.address}/operations/${operation.id}`);
  await expect(page.getByText("10,000 events, 100 warnings")).toBeVisible();
  const log = page.getByRole("log", { name: "Events" });
  await page.getByRole("button", { name: "Jump to the end" }).click();
  await expect(log.getByText("Step 10000.")).toBeVisible();
  expect(await log.locator("[data-index]").count()).toBeLessThan(120);
  await look(page, "operation-10000");
  await page.getByRole("textbox", { name: "Find events" }).fill("step 4321");
  await expect(log.getByText("Step 4321.")).toBeVisible();
});

test("an operation that nobody knows is asked for once", async ({ console: page, lakeward }) => {
  const asked: string[] = [];
  page.on("request", (r) => /nobody/.test(r.url()) && /api/.test(r.url()) && asked.push(new URL(r.url()).pathname));
  await page.clock.install();
  await page.goto(`${lakeward.address}/operations/nobody`);
  await expect(page.getByRole("alert")).toContainText(/no operation/i);
  await page.clock.runFor(60_000);
  expect(asked.filter((path) => path.endsWith("/events"))).toHaveLength(1);
  expect(asked.length).toBeLessThan(5);
});

test("an instance that sleeps is left asleep until its connection is tested, and one that cannot start says so", async ({ console: page, lakeward }) => {
  await lakeward.done("POST", "/api/instances", { name: "moody" });
  const header = page.locator("header").filter({ has: page.getByRole("heading", { name: "moody" }) });
  const shown = async (word: string, state: string) => {
    await expect.poll(() => lakeward.ask("GET", "/api/instances/moody")).toMatchObject({ state });
    await page.goto(`${lakeward.address}/lakebase?instance=moody`);
    await expect(header.getByText(word, { exact: true })).toBeVisible();
    await expect(header.locator("svg").first()).toBeVisible();
  };

  await lakeward.reconfigure("moody", { suspend_timeout_duration: "1s" });
  await shown("Ready", "IDLE");
  await expect(page.getByText("asleep: the next connection wakes it").first()).toBeVisible();
  await look(page, "lakebase-asleep");
  await page.getByRole("button", { name: "Test connection" }).click();
  await expect(page.getByText("The connection works")).toBeVisible();

  await lakeward.reconfigure("moody", { settings: { pg_settings: { work_mem: "a lot" } } });
  await shown("Error", "DEGRADED");
  await expect(header.getByText("DEGRADED", { exact: true })).toBeVisible();
  await expect(page.getByRole("alert").getByText("lakeward doctor moody")).toBeVisible();
  await expect(page.getByRole("alert")).toContainText("work_mem");
  await look(page, "lakebase-degraded");
  await lakeward.reconfigure("moody", { settings: {} });
  await shown("Ready", "ACTIVE");
});

test("a page that stands open and is not touched lets the instance go to sleep", async ({ console: page, lakeward }) => {
  let looks = 0;
  page.on("request", (r) => /vitals|lakebase\/config/.test(r.url()) && looks++);
  await page.clock.install();
  await page.goto(`${lakeward.address}/lakebase?instance=helpdesk`);
  await expect(page.getByRole("heading", { level: 1, name: "helpdesk" })).toBeVisible();
  for (let n = 0; n < 18; n++) await page.clock.runFor(10_000); // three minutes
  const before = looks;
  expect(before).toBeGreaterThan(2);
  for (let n = 0; n < 60; n++) await page.clock.runFor(10_000); // ten more
  expect(looks).toBe(before);
  await page.mouse.move(300, 300);
  await expect.poll(() => looks).toBeGreaterThan(before);
});

test("nothing moves while a view loads", async ({ console: page, lakeward }) => {
  await page.addInitScript(() => {
    const moved: string[] = [];
    Object.assign(window, { moved });
    type Shift = PerformanceEntry & { value: number; sources: { node: Element | null }[] };
    new PerformanceObserver((list) => {
      for (const e of list.getEntries() as Shift[]) moved.push(`${e.value.toFixed(4)} ${e.sources.map((s) => s.node?.textContent?.slice(0, 40)).join(" | ")}`);
    }).observe({ type: "layout-shift", buffered: true });
  });
  for (const path of ["lakebase", "lakebase/new", "migrate", "connect", "data?schema=public&table=users", "operations", "settings", "settings?tab=access", "settings?tab=audit"]) {
    await page.goto(`${lakeward.address}/${path}${path.includes("?") ? "&" : "?"}instance=helpdesk`);
    await expect(page.getByRole("heading", { level: 1 })).not.toHaveText(/Loading|^Lakebase$/);
    await expect(page.getByRole("status", { name: "Loading" })).toHaveCount(0);
    const moved = await page.evaluate(() => (window as unknown as { moved: string[] }).moved);
    const sum = moved.reduce((n, m) => n + Number.parseFloat(m), 0);
    expect.soft(sum, `${path}:\n${moved.join("\n")}`).toBeLessThan(0.01);
  }
});
