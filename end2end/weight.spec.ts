// What a page downloads: the budget for buyers' pages, and the parts that are fetched when they come into view.
import type { Page } from "@playwright/test";

import { admission, seated } from "./support/box-office";
import { hydrated } from "./support/sale-page";
import { expect, test } from "./support/test";

/** The most WebAssembly and script, compressed by brotli, that a buyer's page may load. */
const BUDGET_BYTES = 190_000;
/** The most that the page of a hold adds to the files of the sale's page, from which its buyer comes. */
const CHECKOUT_BUDGET_BYTES = 25_000;
const CODE = /\.(wasm|js)$/;
const SIMULATOR = /\/pkg\/onsale-simulator\..*\.wasm$/;

/** Collects the names and sizes of the code that the page fetches from now on. */
function watch(page: Page): Map<string, number> {
  const fetched = new Map<string, number>();
  page.on("requestfinished", async (request) => {
    const { pathname } = new URL(request.url());
    if (!CODE.test(pathname)) return;
    // A file may be asked for again while it is in the browser's cache, from where it has no size.
    const known = () => fetched.get(pathname) ?? 0;
    fetched.set(pathname, known());
    const { responseBodySize } = await request.sizes();
    fetched.set(pathname, Math.max(known(), responseBodySize));
  });
  return fetched;
}

test("no page that a buyer sees weighs more than its budget", async ({ boxOffice, anotherBuyer }) => {
  // This sale's page is so tall that the simulator, which a demo adds to every sale, is not near the view.
  const sale = await boxOffice.makeSale({ tiers: [seated(40, 5), admission(5)] });
  for (const path of ["/", `/sales/${sale}`, "/tickets"]) {
    const { page } = await anotherBuyer();
    const fetched = watch(page);
    await page.goto(path);
    await hydrated(page);
    expect([...fetched.keys()].filter((name) => SIMULATOR.test(name)), path).toEqual([]);
    await expect.poll(() => Math.min(...fetched.values()), path).toBeGreaterThan(0);
    const bytes = [...fetched.values()].reduce((sum, size) => sum + size, 0);
    expect(fetched.size, path).toBe(2);
    expect(bytes, path).toBeLessThanOrEqual(BUDGET_BYTES);
  }
});

test("the checkout adds little to what its buyer has already loaded", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ checkout: "paid", tiers: [admission(5)] });
  await buyer.open(sale);
  const fetched = watch(buyer.page);
  await buyer.hold.click();
  await buyer.page.waitForURL(/\/checkout\//);
  await hydrated(buyer.page);
  const bytes = () => [...fetched.values()].reduce((sum, size) => sum + size, 0);
  await expect.poll(bytes).toBeGreaterThan(0);
  expect(bytes()).toBeLessThanOrEqual(CHECKOUT_BUDGET_BYTES);
});

test("the simulator is fetched when it is seen, and a press that comes before it is done then", async ({
  boxOffice,
  buyer,
}) => {
  const { page } = buyer;
  const sale = await boxOffice.makeSale({ rehearsal: true, tiers: [seated(10, 5), admission(5)] });
  const fetched = watch(page);
  let bringSimulator = () => {};
  const mayCome = new Promise<void>((resolve) => (bringSimulator = resolve));
  await page.route(SIMULATOR, async (route) => {
    await mayCome;
    await route.continue();
  });
  await buyer.open(sale);
  await buyer.pick("A-1");
  expect([...fetched.keys()].some((name) => SIMULATOR.test(name))).toBe(false);

  await page.locator('[name="buyers"]').fill("7");
  await page.locator('[name="arrive_over"]').selectOption("0");
  await page.getByTestId("simulate").click();
  bringSimulator();
  await expect(page.getByTestId("result-won")).toHaveText("7");
  expect([...fetched.keys()].some((name) => SIMULATOR.test(name))).toBe(true);
});

test("a simulator that could not be fetched says so, and the next press tries again", async ({
  boxOffice,
  buyer,
  complaints,
}) => {
  complaints.expect(/onsale-simulator|net::ERR_/);
  const { page } = buyer;
  const sale = await boxOffice.makeSale({ rehearsal: true, tiers: [seated(10, 5), admission(5)] });
  await page.route(SIMULATOR, (route) => route.abort());
  await buyer.open(sale);
  await page.locator('[name="buyers"]').fill("6");
  await page.locator('[name="arrive_over"]').selectOption("0");
  await page.getByTestId("simulate").click();
  await expect(page.getByText("The simulator could not be loaded.")).toBeVisible();
  await buyer.pick("A-1");

  await page.unroute(SIMULATOR);
  await page.getByTestId("simulate").click();
  await expect(page.getByTestId("result-won")).toHaveText("6");
  await expect(page.getByText("The simulator could not be loaded.")).toBeHidden();
});
