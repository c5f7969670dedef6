// A sale whose buyers wait in a queue. The server of these tests has Redis.
import { admission, BoxOffice, seated } from "./support/box-office";
import { hydrated, SalePage } from "./support/sale-page";
import { Server } from "./support/server.mjs";
import { SimulatorPanel } from "./support/simulator-panel";
import { test as base, expect } from "./support/test";

const REDIS = process.env.ONSALE_TEST_REDIS ?? "redis://127.0.0.1:6379";
const STATUS = "**/api/v1/requests/*";
const ENDS_WITHIN = { timeout: 40_000 };

const test = base.extend<{ boxOffice: BoxOffice }, { server: Server }>({
  server: [
    async ({}, use) => {
      const server = await Server.prepare();
      await server.start({ REDIS_URL: REDIS });
      await use(server);
      await server.remove();
    },
    { scope: "worker" },
  ],
  baseURL: async ({ server }, use) => use(server.address),
  boxOffice: async ({ server }, use) => use(new BoxOffice(server.address)),
});

test("who is in line is told so, and then what came of it", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ strategy: "queued", tiers: [seated(1, 10)] });
  await buyer.open(sale);
  let isDecided = false;
  await buyer.page.route(STATUS, async (route) => {
    if (isDecided) return route.continue();
    const request = route.request().url().split("/").pop();
    await route.fulfill({ json: { request, status: "pending" } });
  });
  await buyer.pick("A-3");
  await buyer.buy.click();
  await expect(buyer.toast("waiting")).toContainText("In line");
  await expect(buyer.buy).toBeDisabled();
  await expect(buyer.available).toHaveText("9");
  isDecided = true;
  await expect(buyer.toast("success")).toContainText("A-3");
  await expect(buyer.toast("waiting")).toHaveCount(0);
  await buyer.shows("A-3", "mine");
  await expect(buyer.page.locator(".own-tickets")).toContainText("A-3");
  await buyer.reload();
  await buyer.shows("A-3", "mine");
});

test("who was in line and comes too late is told why", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ strategy: "queued", tiers: [admission(10)] });
  await buyer.open(sale);
  await buyer.page.route(STATUS, async (route) => {
    const request = route.request().url().split("/").pop();
    await route.fulfill({ json: { request, status: "refused", code: "limit-reached" } });
  });
  await buyer.buy.click();
  await expect(buyer.toast("limit")).toContainText("more than you may have");
});

test("a request that was forgotten is asked for once more, and nothing is bought twice", async ({
  boxOffice,
  buyer,
  complaints,
}) => {
  complaints.expect(/404/);
  const sale = await boxOffice.makeSale({ strategy: "queued", tiers: [admission(10)] });
  await buyer.open(sale);
  let asked = 0;
  await buyer.page.route(STATUS, async (route) => {
    asked += 1;
    if (asked > 1) return route.continue();
    await route.fulfill({ status: 404, json: { code: "not-found" } });
  });
  await buyer.buy.click();
  await expect(buyer.toast("success")).toBeVisible();
  await buyer.hasLeft(9);
  expect(await boxOffice.audit(sale)).toMatchObject({ sold: 1, orders: 1, clean: true });
});

test("several buyers in line for one seat: one has it", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ strategy: "queued", tiers: [seated(1, 5)] });
  await buyer.open(sale);
  for (let number = 0; number < 3; number += 1) await buyer.page.getByRole("button", { name: "Add a buyer" }).click();
  await buyer.pick("A-2");
  await buyer.page.getByRole("button", { name: "All at once" }).click();
  const told = (kind: string) => buyer.page.locator(`.buyer-message[data-kind="${kind}"]`);
  await expect(told("success")).toHaveCount(1);
  await expect(told("conflict")).toHaveCount(2);
  expect(await boxOffice.audit(sale)).toMatchObject({ sold: 1, clean: true });
});

test("all strategies of a server with Redis are compared side by side", async ({ boxOffice, page }) => {
  const sale = await boxOffice.makeSale({ rehearsal: true, tiers: [admission(50)] });
  await page.goto(`/sales/${sale}`);
  await hydrated(page);
  await new SalePage(page).isLive();
  await new SimulatorPanel(page).fill({ engine: "browser", buyers: 100, concurrency: 50 });
  await page.getByTestId("compare").click();
  await expect(page.getByText("The comparison of 9 strategies has ended.")).toBeAttached(ENDS_WITHIN);
  for (const strategy of ["redis_gate", "queued", "group_commit"]) {
    const row = page.locator(`[data-testid="comparison"] [data-strategy="${strategy}"]`);
    await expect(row.locator('[data-figure="verdict"]')).toHaveText("Exact");
    await expect(row.locator('[data-figure="sold"]')).toHaveText("50");
  }
});
