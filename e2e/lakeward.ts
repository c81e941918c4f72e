import { type ChildProcess, execFile, spawn } from "node:child_process";
import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { test as base, expect, type Page } from "@playwright/test";
import axe from "axe-core";

declare global {
  interface Window {
    axe: typeof axe;
  }
}

const binary = process.env.LAKEWARD ?? new URL("../bin/lakeward", import.meta.url).pathname;

/** Lakeward is a server of the test's own, with a local Lakebase, in a folder that goes with it. */
export class Lakeward {
  readonly dir: string;
  private readonly flags: string[];
  private child: ChildProcess | undefined;
  private second: ChildProcess | undefined;
  address = "";
  link = "";

  private constructor(dir: string, flags: string[]) {
    this.dir = dir;
    this.flags = flags;
  }

  static async start(...more: string[]): Promise<Lakeward> {
    const dir = await mkdtemp(join(tmpdir(), "lakeward-e2e-"));
    await chmod(dir, 0o711); // PostgreSQL runs as a user of its own where the test is root
    const [listen, api, port] = [await free(), await free(), await free()];
    const flags = ["--dir", dir, "--listen", `127.0.0.1:${listen}`, "--api", `127.0.0.1:${api}`, "--port", String(port), ...more];
    const l = new Lakeward(dir, flags);
    await l.up();
    return l;
  }

  /** up starts it, and starts it again after kill. */
  async up() {
    this.child = spawn(binary, ["up", ...this.flags]);
    this.link = await says(this.child, /http:\/\/\S+\/login\?token=\S+/);
    this.address = new URL(this.link).origin;
  }

  /** app starts a second server for the same workspace, which serves as a Databricks App: it is told who asks. */
  async app(administrator: string): Promise<string> {
    const [port, dir] = [await free(), join(this.dir, "app")];
    const env = { ...process.env, ...(await this.workspace()), DATABRICKS_APP_PORT: String(port), LAKEWARD_DIR: dir, LAKEWARD_ADMINS: administrator };
    this.second = spawn(binary, ["serve", "--listen", `127.0.0.1:${port}`], { env });
    await says(this.second, /Lakeward is serving/);
    return `http://127.0.0.1:${port}`;
  }

  /** kill ends it as the kernel does when memory is short: without a word. */
  async kill() {
    await end(this.child, "SIGKILL");
  }

  async stop() {
    await end(this.second, "SIGINT");
    await end(this.child, "SIGINT");
    await rm(this.dir, { recursive: true, force: true });
  }

  /** ask sends a request with the token that programs of this machine use. */
  async ask(method: string, path: string, body?: unknown) {
    const { token } = JSON.parse(await readFile(join(this.dir, "server/server.json"), "utf8"));
    const answer = await fetch(this.address + path, {
      method,
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return answer.json();
  }

  /** done asks for something slow, and waits until it has succeeded. */
  async done(method: string, path: string, body: unknown) {
    const asked = await this.ask(method, path, body);
    let now = asked;
    const state = async () => {
      now = await this.ask("GET", `/api/operations/${asked.id}`);
      return /queued|running/.test(now.state);
    };
    await expect.poll(state, { timeout: 60_000 }).toBe(false);
    expect(now, path).toMatchObject({ state: "succeeded" });
    return now;
  }

  /** reconfigure changes the endpoint of an instance past Lakeward, as somebody in the workspace would. */
  async reconfigure(instance: string, spec: object) {
    const { DATABRICKS_HOST: host, DATABRICKS_TOKEN: token } = await this.workspace();
    const mask = Object.keys(spec).map((field) => `spec.${field}`);
    const answer = await fetch(`${host}/api/2.0/postgres/projects/${instance}/branches/production/endpoints/primary?update_mask=${mask}`, {
      method: "PATCH",
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
      body: JSON.stringify({ spec }),
    });
    expect(answer.status, await answer.text()).toBe(200);
  }

  /** workspace is the environment in which programs find the local Lakebase. */
  private async workspace(): Promise<Record<string, string>> {
    const { stdout } = await promisify(execFile)(binary, ["--json", "--dir", this.dir, "local", "env"]);
    return JSON.parse(stdout);
  }

  /** psql runs SQL in an instance, and returns what it prints. */
  async psql(instance: string, sql: string): Promise<string> {
    const { child, ended } = this.session(instance);
    child.stdin.end(sql);
    return ended;
  }

  /**
   * hold stops the next migration into an instance in the middle of its load, until it is released: all tables are copied,
   * but the rows of one cannot be marked as such.
   */
  hold(instance: string, table: string) {
    const { child, ended } = this.session(instance);
    child.stdin.write(`
      SET client_min_messages = warning;
      SELECT pg_advisory_lock(1);
      CREATE SCHEMA IF NOT EXISTS e2e;
      CREATE OR REPLACE FUNCTION e2e.hold() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NEW; END';
      DO $$ DECLARE marks regclass; BEGIN
        LOOP
          SELECT c.oid INTO marks FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relname = 'lakeward_marks' AND n.nspname LIKE 'lakeward!_stage!_%' ESCAPE '!';
          EXIT WHEN marks IS NOT NULL;
          PERFORM pg_sleep(0.001);
        END LOOP;
        EXECUTE format('CREATE TRIGGER hold BEFORE INSERT OR UPDATE ON %s FOR EACH ROW
          WHEN (NEW.table_name = %L) EXECUTE FUNCTION e2e.hold()', marks, '${table}');
      END $$;\n`);
    const release = async () => {
      child.stdin.end();
      await ended.catch(() => {}); // its server may have been killed
    };
    return { release };
  }

  private session(instance: string) {
    const child = spawn(binary, ["--dir", this.dir, "psql", instance, "-XqAt", "-v", "ON_ERROR_STOP=1"], { stdio: "pipe" });
    const ended = new Promise<string>((done, failed) => {
      let [out, said] = ["", ""];
      child.stdout.on("data", (data) => (out += data));
      child.stderr.on("data", (data) => (said += data));
      child.on("close", (code) => (code === 0 ? done(out.trim()) : failed(new Error(`psql ended with ${code}: ${said}`))));
    });
    child.stdin.on("error", () => {}); // it has ended, and says so above
    return { child, ended };
  }
}

/** says waits until a program has printed something, and returns it. */
async function says(child: ChildProcess, what: RegExp): Promise<string> {
  let said = "";
  return new Promise((found, failed) => {
    const read = (data: Buffer) => {
      said += data;
      const match = said.match(what);
      if (match) found(match[0]);
    };
    child.stdout?.on("data", read);
    child.stderr?.on("data", read);
    child.on("exit", (code) => failed(new Error(`${child.spawnargs.join(" ")} ended with ${code}:\n${said}`)));
  });
}

async function end(child: ChildProcess | undefined, signal: NodeJS.Signals) {
  if (!child || child.exitCode !== null) return;
  const gone = new Promise((done) => child.once("exit", done));
  child.kill(signal);
  await gone;
}

async function free(): Promise<number> {
  return new Promise((found, failed) => {
    const s = createServer();
    s.once("error", failed);
    s.listen(0, "127.0.0.1", () => {
      const at = s.address();
      s.close(() => found(typeof at === "object" && at ? at.port : 0));
    });
  });
}

/**
 * test has a server, and a page of it that is signed in. Files that name different worlds (test.use) have different servers;
 * flags are those of `lakeward up`.
 */
export const test = base.extend<{ console: Page }, { lakeward: Lakeward; world: string; flags: string[]; session: string }>({
  world: ["", { option: true, scope: "worker" }],
  flags: [[], { option: true, scope: "worker" }],
  lakeward: [
    async ({ flags }, use) => {
      const l = await Lakeward.start(...flags);
      await use(l);
      await l.stop();
    },
    { scope: "worker", timeout: 120_000 },
  ],
  // The link works once: the cookie that it leaves is good for all pages.
  session: [
    async ({ lakeward }, use) => {
      const answer = await fetch(lakeward.link, { redirect: "manual" });
      await use((answer.headers.get("set-cookie") ?? "").split(";")[0] ?? "");
    },
    { scope: "worker" },
  ],
  console: async ({ page, context, lakeward, session }, use) => {
    const [name, value] = session.split("=", 2);
    await context.addCookies([{ name: name ?? "", value: value ?? "", url: lakeward.address }]);
    const broken: string[] = [];
    page.on("pageerror", (error) => broken.push(String(error)));
    page.on("console", (m) => m.type() === "error" && /Content Security Policy/.test(m.text()) && broken.push(m.text()));
    await use(page);
    expect(broken, "errors of scripts and of the content policy").toEqual([]);
  },
});

/** demo is test with a server that has migrated the example. Files that use it share it, and name their instances differently. */
export const demo = test.extend<object, { world: string; flags: string[] }>({
  world: ["demo", { option: true, scope: "worker" }],
  flags: [["--demo", "--limit", "suspend=1s"], { option: true, scope: "worker" }],
});

export { expect };

const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** judge is what axe finds wrong on a page. The console has no frames, so that axe can run in it as it is. */
async function judge(page: Page, only: string[]) {
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axe.source);
  const found = await page.evaluate(async (runOnly) => (await window.axe.run({ runOnly, resultTypes: ["violations"] })).violations, only);
  return found.map((v) => `${v.id}: ${v.help}\n${v.nodes.map((n) => `  ${n.target} ${n.failureSummary}`).join("\n")}`);
}

/** look lets axe judge what is on the page, and takes its picture in both themes, wide and narrow, into e2e/shots. */
export async function look(page: Page, name: string) {
  const wear = async (colorScheme: "dark" | "light") => {
    await page.emulateMedia({ colorScheme });
    await expect(page.locator("html")).toHaveAttribute("data-mantine-color-scheme", colorScheme);
  };
  const take = async (colorScheme: string, width: number) => {
    await page.screenshot({ path: new URL(`shots/${name}-${width}-${colorScheme}.png`, import.meta.url).pathname });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(wide, `${name} at ${width} px scrolls sideways`).toBeLessThanOrEqual(0);
  };

  await wear("dark");
  expect(await judge(page, ["color-contrast"]), `${name}, dark`).toEqual([]); // themes differ in their colours only
  await take("dark", 1440);
  await page.setViewportSize({ width: 390, height: 844 });
  await take("dark", 390);
  await wear("light");
  await take("light", 390);
  await page.setViewportSize({ width: 1440, height: 900 });
  await take("light", 1440);
  expect(await judge(page, tags), `${name}, light`).toEqual([]);
}
