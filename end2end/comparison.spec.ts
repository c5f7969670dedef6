// Comparisons of strategies under the same load: what the page shows, and what it exports.
import { readFile } from "node:fs/promises";

import type { Page } from "@playwright/test";

import { admission, seated } from "./support/box-office";
import { hydrated } from "./support/sale-page";
import { SimulatorPanel } from "./support/simulator-panel";
import { expect, test } from "./support/test";

const COMPARISON_ENDS_WITHIN = { timeout: 40_000 };
/** The strategies that an embedded database without Redis can run. The default is the last one. */
const RUNNABLE = ["naive", "atomic_update", "in_memory", "pessimistic", "optimistic", "group_commit"];

const row = (page: Page, strategy: string) =>
  page.locator(`[data-testid="comparison"] [data-strategy="${strategy}"]`);
const figure = (page: Page, strategy: string, name: string) => row(page, strategy).locator(`[data-figure="${name}"]`);

async function download(page: Page, button: string): Promise<{ name: string; text: string }> {
  const downloads = page.waitForEvent("download");
  await page.getByRole("button", { name: button }).click();
  const file = await downloads;
  return { name: file.suggestedFilename(), text: await readFile((await file.path())!, "utf8") };
}

test("naive oversells before your eyes, all others are exact, and the sale is put back", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ rehearsal: true, tiers: [seated(5, 10), admission(50)] });
  await buyer.open(sale);
  const { page } = buyer;
  await new SimulatorPanel(page).fill({ engine: "browser", buyers: 300, concurrency: 100 });
  await page.getByTestId("compare").click();
  await expect(page.getByTestId("compare")).toBeDisabled();
  await expect(page.getByText("The comparison of 6 strategies has ended.")).toBeAttached(COMPARISON_ENDS_WITHIN);

  await expect(page.locator('[data-testid="comparison"] tbody [data-strategy]')).toHaveCount(RUNNABLE.length);
  await expect(figure(page, "naive", "verdict")).toHaveText("Oversold");
  expect(Number(await figure(page, "naive", "phantoms").textContent())).toBeGreaterThan(0);
  for (const strategy of RUNNABLE.slice(1)) {
    await expect(figure(page, strategy, "verdict"), strategy).toHaveText("Exact");
    await expect(figure(page, strategy, "phantoms"), strategy).toHaveText("0");
    await expect(figure(page, strategy, "leaks"), strategy).toHaveText("0");
    expect(Number(await figure(page, strategy, "throughput").textContent()), strategy).toBeGreaterThan(0);
  }
  for (const strategy of ["in_memory", "group_commit"]) {
    await expect(figure(page, strategy, "refusals-by-database"), strategy).toHaveText("0");
  }
  const bars = page.locator(".comparison-charts svg");
  await expect(bars).toHaveCount(4);
  await expect(bars.first()).toHaveAttribute("aria-label", /^Units sold: naive \d+, \d+ of them phantoms; .*There were 100$/);

  await expect(page.getByTestId("compare")).toBeEnabled();
  await buyer.hasLeft(100);
  expect(await boxOffice.audit(sale)).toMatchObject({ strategy: "group_commit", sold: 0, clean: true });

  const exported = await download(page, "Export as a page");
  expect(exported.name).toBe("onsale-comparison.html");
  expect(exported.text).not.toMatch(/https?:\/\/|<script|src=|href=/);
  const { name, text } = await download(page, "Export as JSON");
  expect(name).toBe("onsale-comparison.json");
  const { store, exact, runs } = JSON.parse(text);
  expect([store, exact]).toEqual(["SQLite", true]);
  expect(runs.map(({ simulation }: any) => simulation.strategy)).toEqual(RUNNABLE);
  expect(new Set(runs.map(({ simulation }: any) => simulation.seed)).size).toBe(1);

  // The exported file needs no other file and no server.
  const alone = await page.context().newPage();
  await alone.setContent(exported.text);
  await expect(figure(alone, "naive", "verdict")).toHaveText("Oversold");
  await expect(alone.locator("svg")).toHaveCount(4);
  await expect(alone.getByText("SQLite")).toBeVisible();
});

test("what the server cannot run says why, and only what is ticked is compared", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ rehearsal: true, tiers: [admission(20)] });
  await buyer.open(sale);
  const { page } = buyer;
  for (const strategy of ["skip_locked", "redis_lock", "redis_gate", "queued"]) {
    const choice = page.getByRole("checkbox", { name: strategy });
    await expect(choice).toBeDisabled();
    await expect(choice).toHaveAccessibleDescription(/Not on this server: (It needs|This version does not have it)/);
  }
  for (const strategy of RUNNABLE.slice(1)) await page.getByRole("checkbox", { name: strategy }).uncheck();
  await page.getByRole("checkbox", { name: "naive" }).uncheck();
  await page.getByTestId("compare").click();
  await expect(page.locator("#simulator-trouble")).toHaveText("Choose at least one strategy.");

  await page.getByRole("checkbox", { name: "optimistic" }).check();
  await page.locator('[name="seed"]').fill("42");
  await page.getByTestId("compare").click();
  await expect(figure(page, "optimistic", "verdict")).toHaveText("Exact", COMPARISON_ENDS_WITHIN);
  await expect(page.locator("#simulator-trouble")).toHaveText("");
  await expect(page.locator('[data-testid="comparison"] tbody [data-strategy]')).toHaveCount(1);
  await expect(page.getByTestId("comparison")).toContainText("seed 42");
});

test("a comparison is cancelled in the middle, and the strategy is put back", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ rehearsal: true, tiers: [admission(20_000)] });
  await buyer.open(sale);
  const simulator = new SimulatorPanel(buyer.page);
  await simulator.fill({ engine: "server", buyers: 10_000, concurrency: 1 });
  await buyer.page.getByTestId("compare").click();
  await expect(simulator.panel.getByText("Strategy 1 of 6: naive")).toBeVisible();
  await expect.poll(() => simulator.progress.evaluate((bar: HTMLProgressElement) => bar.value)).toBeGreaterThan(0);
  await simulator.panel.getByRole("button", { name: "Cancel" }).click();
  await expect(figure(buyer.page, "naive", "verdict")).toContainText("cancelled");
  await expect(buyer.page.getByTestId("compare")).toBeEnabled();
  await expect(buyer.page.locator('[data-testid="comparison"] tbody [data-strategy]')).toHaveCount(1);
  expect(await boxOffice.audit(sale)).toMatchObject({ strategy: "group_commit", sold: 0, clean: true });
});

test("a single run by a chosen strategy says which sold", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ rehearsal: true, tiers: [admission(50)] });
  await buyer.open(sale);
  const simulator = new SimulatorPanel(buyer.page);
  await simulator.field("strategy").selectOption("pessimistic");
  await simulator.run({ engine: "server", buyers: 100, concurrency: 50 });
  await expect(simulator.result("won")).toHaveText("50");
  await expect(simulator.panel.getByText("sold by pessimistic")).toBeVisible();
  await simulator.field("strategy").selectOption("naive");
  await simulator.run({ engine: "browser", buyers: 200, concurrency: 60 });
  await expect(figure(buyer.page, "naive", "refusals-by-database")).toHaveText("not known");
  expect(await boxOffice.audit(sale)).toMatchObject({ strategy: "naive" });
});

test("a sale that is no rehearsal keeps its strategy, and the page says so", async ({ page, boxOffice }) => {
  await page.goto("/simulator");
  await hydrated(page);
  await page.locator('[name="sale"]').selectOption("golden-ticket");
  await page.getByTestId("compare").click();
  await expect(page.locator("#simulator-trouble")).toContainText("Only a rehearsal changes its strategy");
  await expect(page.getByTestId("compare")).toBeEnabled();
  expect(await boxOffice.audit("golden-ticket")).toMatchObject({ strategy: "group_commit" });
});
