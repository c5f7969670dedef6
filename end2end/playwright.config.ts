import { defineConfig } from "@playwright/test";

import { ADMIN_TOKEN } from "./support/server.mjs";

const address = "127.0.0.1:3400";

export default defineConfig({
  testDir: ".",
  outputDir: "test-results",
  workers: 2,
  retries: 0,
  forbidOnly: true,
  reporter: "list",
  // A machine that builds something at the same time may stop a browser for many seconds.
  timeout: 60_000,
  expect: { timeout: 10_000 },
  use: {
    baseURL: `http://${address}`,
    viewport: { width: 1280, height: 800 },
    trace: "off",
    launchOptions: {
      // The system's browser: Playwright downloads none.
      executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
  webServer: {
    // A new database for each run.
    command:
      "rm -rf target/end2end && mkdir -p target/end2end && " +
      `exec target/release/onsale serve --demo --addr ${address} --database sqlite:target/end2end/onsale.db`,
    cwd: "..",
    url: `http://${address}/readyz`,
    env: { ONSALE_ADMIN_TOKEN: ADMIN_TOKEN, ONSALE_LOG: "warn" },
    reuseExistingServer: false,
    timeout: 20_000,
    stderr: "pipe",
    gracefulShutdown: { signal: "SIGTERM", timeout: 10_000 },
  },
});
