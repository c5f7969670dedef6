// A browser that runs no script buys through the form, and the page that the server returns shows the outcome.
import { admission, seated } from "./support/box-office";
import { expect, test } from "./support/test";

test.use({ javaScriptEnabled: false });

test.beforeEach(({ complaints }) => {
  // This browser may not run scripts, so it reports that it has not loaded ours.
  complaints.expect(/request failed: csp .*\/pkg\/.*\.js/);
});

test("a named seat is bought, and the page that comes back shows the ticket", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [seated(2, 5)] });
  await buyer.page.goto(`/sales/${sale}`);
  await expect(buyer.available).toHaveText("10");
  await expect(buyer.seats("available")).toHaveCount(10);
  await buyer.page.getByLabel("Seat, or leave it empty").fill("B-4");
  await buyer.buy.click();

  await expect(buyer.page).toHaveURL(/outcome=won/);
  await expect(buyer.toast("success")).toBeVisible();
  await buyer.shows("B-4", "mine");
  await expect(buyer.available).toHaveText("9");
  await expect(buyer.page.locator(".own-tickets")).toContainText("B-4");

  await buyer.page.goto("/tickets");
  await expect(buyer.page.locator(".ticket")).toHaveCount(1);
});

test("nothing stands there that only a script makes work", async ({ boxOffice, page }) => {
  const sale = await boxOffice.makeSale({ rehearsal: true, tiers: [seated(2, 5), admission(5)] });
  for (const [path, buttons] of [
    [`/sales/${sale}`, ["Buy the best seat"]],
    ["/simulator", []],
    ["/", []],
  ] as const) {
    await page.goto(path);
    await expect(page.locator("button:visible"), path).toHaveText([...buttons]);
    await expect(page.getByText("Connecting…"), path).toHaveCount(0);
  }
  await page.goto("/simulator");
  await expect(page.locator("noscript p")).toContainText("The simulator needs script");
  await expect(page.locator("noscript p")).toBeVisible();
  await expect(page.getByTestId("simulator").locator("input:visible, select:visible")).toHaveCount(0);
});

test("a seat is found as a person types it", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [seated(9, 5)] });
  await buyer.page.goto(`/sales/${sale}`);
  await buyer.page.getByLabel("Seat, or leave it empty").fill(" h-4 ");
  await buyer.buy.click();
  await expect(buyer.page).toHaveURL(/outcome=won/);
  await buyer.shows("H-4", "mine");
});

test("a seat that is gone is told as taken", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [seated(2, 5)] });
  await buyer.page.goto(`/sales/${sale}`);
  await boxOffice.buy(sale, { seat: "A-1" });
  await buyer.page.getByLabel("Seat, or leave it empty").fill("A-1");
  await buyer.buy.click();

  await expect(buyer.page).toHaveURL(/outcome=seat-taken/);
  await expect(buyer.toast("conflict")).toBeVisible();
  await buyer.shows("A-1", "sold");
});

test("a sale that sells out before the form arrives is told as sold out", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [admission(1)] });
  await buyer.page.goto(`/sales/${sale}`);
  await expect(buyer.available).toHaveText("1");
  await boxOffice.buy(sale, { tier: "ga" });
  await buyer.buy.click();

  await expect(buyer.page).toHaveURL(/outcome=sold-out/);
  await expect(buyer.toast("sold-out")).toBeVisible();
  await expect(buyer.available).toHaveText("0");
  await expect(buyer.buy).toBeDisabled();
  await expect(buyer.buy).toHaveText("Sold out");
});

test("several units of the tier that was chosen are bought at once", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [seated(1, 5), admission(10)] });
  await buyer.page.goto(`/sales/${sale}`);
  await buyer.tier("GA").getByRole("radio").check();
  await buyer.page.getByLabel("How many").fill("3");
  await buyer.buy.click();

  await expect(buyer.toast("success")).toBeVisible();
  await expect(buyer.available).toHaveText("12");
  await expect(buyer.page.locator(".own-tickets .ticket")).toHaveCount(3);
});

test("a form that is sent twice by an impatient hand buys once", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [admission(5)] });
  await buyer.page.goto(`/sales/${sale}`);
  await buyer.buy.dblclick();
  await expect(buyer.toast("success")).toBeVisible();
  expect(await boxOffice.audit(sale)).toMatchObject({ sold: 1, orders: 1, clean: true });
});
