// Takes pictures of pages of a running server, in both themes, at 1440 and 390 px, into web/shots:
//
//   node tools/shots.mjs DIR PATH...     DIR: the server's folder (--dir), PATH: such as /lakebase or lakebase-new=/lakebase/new
//
// It reads the server's address and a token in DIR/server/server.json.
import { mkdir, readFile } from "node:fs/promises";
import { chromium } from "playwright-core";

const [dir, ...pages] = process.argv.slice(2);
const { address, token } = JSON.parse(await readFile(`${dir}/server/server.json`, "utf8"));
const shots = new URL("../shots/", import.meta.url).pathname;
await mkdir(shots, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox"],
});
for (const colorScheme of ["light", "dark"]) {
  for (const [width, height] of [
    [1440, 900],
    [390, 844],
  ]) {
    const context = await browser.newContext({
      colorScheme,
      viewport: { width, height },
      reducedMotion: "reduce",
      extraHTTPHeaders: { Authorization: `Bearer ${token}` },
    });
    const page = await context.newPage();
    page.on("pageerror", (error) => console.error(`${page.url()}: ${error}`));
    page.on("console", (m) => m.type() === "error" && console.error(`${page.url()}: ${m.text()}`));
    for (const at of pages) {
      const [name, path] = at.includes("=") ? at.split("=", 2) : [at.replaceAll(/\W+/g, "-").replace(/^-/, ""), at];
      await page.goto(address + path);
      await page.waitForLoadState("networkidle", { timeout: 5000 }).catch(() => {});
      await page.screenshot({ path: `${shots}${name}-${width}-${colorScheme}.png` });
    }
    await context.close();
  }
}
await browser.close();
console.log(`in ${shots}`);
