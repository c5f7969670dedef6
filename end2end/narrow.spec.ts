// The page on the narrowest supported screen: 320 pixels.
import { admission, seated } from "./support/box-office";
import { sidewaysOverflow } from "./support/looks";
import { hydrated } from "./support/sale-page";
import { expect, test } from "./support/test";

test.use({ viewport: { width: 320, height: 640 } });

for (const path of ["/", "/sales/theatre", "/simulator", "/tickets"]) {
  test(`${path} does not scroll sideways`, async ({ page }) => {
    await page.goto(path);
    await hydrated(page);
    expect(await sidewaysOverflow(page)).toBe(0);
  });
}

test("one long word in every name widens no page", async ({ boxOffice, buyer }) => {
  const word = (length: number) => "W".repeat(length);
  const sale = await boxOffice.makeSale({ name: word(100), tiers: [seated(1, 5, word(60)), admission(5, word(59))] });
  await boxOffice.change(sale, { message: word(200) });
  await buyer.open(sale);
  await buyer.pick("A-1");
  await buyer.buy.click();
  await expect(buyer.toast("success")).toBeVisible();
  await buyer.page.locator("#card-add").click();
  for (const path of [undefined, "/", "/tickets"]) {
    if (path) await buyer.page.goto(path);
    await hydrated(buyer.page);
    expect(await sidewaysOverflow(buyer.page), path ?? "the sale's page").toBe(0);
  }
});

test("a seat is picked on the map and bought", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [{ ...seated(6, 14), seats: { sections: 3, rows: 6, per_row: 14 } }] });
  await buyer.open(sale);
  await buyer.pick("103-F-14");
  await buyer.buy.click();
  await buyer.shows("103-F-14", "mine");
  await expect(buyer.toast("success")).toBeInViewport();
});

test("strategies are compared, and the table scrolls by itself", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ rehearsal: true, tiers: [admission(20)] });
  await buyer.open(sale);
  await buyer.page.locator('[name="buyers"]').fill("50");
  await buyer.page.locator('[name="arrive_over"]').selectOption("0");
  await buyer.page.getByTestId("compare").click();
  await expect(buyer.page.getByText("The comparison of 6 strategies has ended.")).toBeAttached();
  const table = buyer.page.locator(".simulator-table");
  expect(await sidewaysOverflow(buyer.page)).toBe(0);
  expect(await table.evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)).toBeGreaterThan(0);
});

test("a simulation is run, and its results fit", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ rehearsal: true, tiers: [admission(20)] });
  await buyer.open(sale);
  await buyer.page.locator('[name="buyers"]').fill("50");
  await buyer.page.getByTestId("simulate").click();
  await expect(buyer.page.getByTestId("result-won")).toHaveText("20");
  expect(await sidewaysOverflow(buyer.page)).toBe(0);
});
