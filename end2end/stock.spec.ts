// What the page says as the stock runs low, runs out, and comes back.
import { admission, seated } from "./support/box-office";
import { expect, test } from "./support/test";

test("the success of the last buyer outlives the sold-out message", async ({ boxOffice, buyer, anotherBuyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [admission(1)] });
  const late = await anotherBuyer();
  await Promise.all([buyer.open(sale), late.open(sale)]);
  await buyer.buy.click();
  await expect(buyer.toast("success")).toBeVisible();
  for (const { buy } of [buyer, late]) {
    await expect(buy).toHaveText("Sold out");
    await expect(buy).toBeDisabled();
  }
  await Promise.all([buyer.hasLeft(0), late.hasLeft(0)]);
  await expect(buyer.toast("success")).toBeVisible();
  await expect(late.page.locator(".status, .badge").first()).toContainText(/sold out/i);
  await expect(buyer.page.locator(".own-tickets .ticket")).toHaveCount(1);
});

test("the last two units are called the last", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [admission(3)] });
  await buyer.open(sale);
  await expect(buyer.page.locator(".counter")).toHaveAttribute("data-stock", "ample");
  await boxOffice.buy(sale, { tier: "ga" });
  await expect(buyer.page.locator(".counter")).toHaveAttribute("data-stock", "low");
  await expect(buyer.tier("GA")).toContainText("Last 2");
  await boxOffice.buy(sale, { tier: "ga", quantity: 2 });
  await expect(buyer.page.locator(".counter")).toHaveAttribute("data-stock", "none");
  await expect(buyer.tier("GA")).toContainText("Sold out");
});

test("a reset shows on open pages, and makes what was bought void", async ({ boxOffice, buyer, anotherBuyer }) => {
  const sale = await boxOffice.makeSale({ rehearsal: true, tiers: [seated(1, 3)] });
  const other = await anotherBuyer();
  await Promise.all([buyer.open(sale), other.open(sale)]);
  await buyer.pick("A-1");
  await buyer.buy.click();
  await buyer.shows("A-1", "mine");
  await boxOffice.buy(sale, { tier: "floor", quantity: 2 });
  await expect(other.buy).toHaveText("Sold out");

  await boxOffice.reset(sale);
  for (const page of [buyer, other]) {
    await expect(page.seats("available")).toHaveCount(3);
    await page.hasLeft(3);
    await expect(page.buy).toBeEnabled();
  }
  await expect(buyer.page.locator(".own-tickets")).toBeHidden();
});

test("pausing and opening a sale shows on open pages with the organiser's words", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [admission(3)] });
  await buyer.open(sale);
  await boxOffice.change(sale, { status: "paused", message: "Back in five minutes" });
  await expect(buyer.buy).toHaveText("Sale paused");
  await expect(buyer.buy).toBeDisabled();
  await expect(buyer.page.getByText("Back in five minutes")).toBeVisible();
  await boxOffice.change(sale, { status: "open" });
  await expect(buyer.buy).toBeEnabled();
});

test("a sale that opens in a moment opens by itself, without a reload", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({
    tiers: [admission(3)],
    opens_at: new Date(Date.now() + 6_000).toISOString(),
  });
  await buyer.open(sale);
  await expect(buyer.buy).toHaveText("Not open yet");
  await expect(buyer.buy).toBeDisabled();
  await expect(buyer.page.locator(".opening")).toBeVisible();
  await expect(buyer.buy).toBeEnabled({ timeout: 10_000 });
  await buyer.buy.click();
  await expect(buyer.toast("success")).toBeVisible();
});
