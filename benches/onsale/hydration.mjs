// Prints the median time from navigation to hydration of the page at the given address, in milliseconds. Each time is
// measured in a new browser context.
import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";

const LOADS = 5;
const { chromium } = createRequire(join(process.cwd(), "package.json"))("@playwright/test");
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
const times = [];
for (let load = 0; load < LOADS; load += 1) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.addInitScript(() => {
    new MutationObserver(() => {
      if (document.documentElement?.dataset.hydrated && !window.hydratedAt) window.hydratedAt = performance.now();
    }).observe(document, { attributes: true, subtree: true, attributeFilter: ["data-hydrated"] });
  });
  await page.goto(process.argv[2]);
  times.push(await (await page.waitForFunction(() => window.hydratedAt)).jsonValue());
  await context.close();
}
await browser.close();
times.sort((left, right) => left - right);
console.log(times[Math.floor(LOADS / 2)].toFixed(1));
