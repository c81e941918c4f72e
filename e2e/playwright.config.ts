import { defineConfig } from "@playwright/test";

export default defineConfig({
  testDir: ".",
  workers: 1, // the journeys of a file build on each other, and the machine of a build has few processors
  timeout: 180_000, // a busy machine is no failure
  expect: { timeout: 30_000 },
  reporter: "list",
  outputDir: "out",
  use: {
    viewport: { width: 1440, height: 900 },
    reducedMotion: "reduce",
    locale: "en-US",
    timezoneId: "Europe/Berlin",
    actionTimeout: 15_000,
    trace: { mode: "retain-on-failure", screenshots: false }, // its snapshots show the pages; a film of them takes much of a processor
    launchOptions: { executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] },
  },
});
