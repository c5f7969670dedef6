// A hold that is paid on the payment provider's own page. The demo's stand-in is the provider.
import { admission, type NewSale, seated } from "./support/box-office";
import { CheckoutPage } from "./support/checkout-page";
import { expect, test } from "./support/test";

const paid: NewSale = { checkout: "paid", contact: "required", tiers: [seated(2, 5), admission(10)] };

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with script" : "without script", () => {
    test.use({ javaScriptEnabled });

    test.beforeEach(({ complaints }) => {
      // A browser that may not run scripts reports that it has not loaded ours.
      if (!javaScriptEnabled) complaints.expect(/request failed: csp .*\/pkg\/.*\.js|preloaded using link preload but not used/);
    });

    test("from the hold to the ticket, over a card that is declined", async ({ boxOffice, buyer }) => {
      const sale = await boxOffice.makeSale(paid);
      const { page } = buyer;
      const checkout = new CheckoutPage(page);
      if (javaScriptEnabled) {
        await buyer.open(sale);
        await buyer.pick("A-1");
        await buyer.hold.click();
        await checkout.arrived();
      } else {
        await page.goto(`/sales/${sale}`);
        await page.getByLabel("Seat, or leave it empty").fill("A-1");
        await buyer.hold.click();
      }
      await expect(checkout.items).toHaveText([/A-1/]);
      await page.getByLabel("E-mail").fill("ada@example.org");
      await checkout.atProvider.click();

      await expect(page.getByRole("heading", { level: 1 })).toHaveText("$35.00");
      await expect(page.getByText("Floor: A-1")).toBeVisible();
      await page.getByTestId("provider-decline").click();
      await expect(page.getByTestId("provider-failure")).toBeVisible();
      await page.getByTestId("provider-cancel").click();
      await expect(page.getByTestId("declined")).toContainText("what you hold is still yours");
      await expect(checkout.ended).toHaveCount(0);

      await page.getByLabel("E-mail").fill("ada@example.org");
      await checkout.atProvider.click();
      await page.getByTestId("provider-pay").click();
      await checkout.hasEnded("confirmed");
      await expect(checkout.tickets).toHaveCount(1);
      expect(await boxOffice.audit(sale)).toMatchObject({ sold: 1, orders: 1, clean: true });
    });

    test("who turns back finds the way to the payment page again, and may give the hold back", async ({
      boxOffice,
      buyer,
    }) => {
      const sale = await boxOffice.makeSale({ ...paid, contact: "none" });
      const { page } = buyer;
      const checkout = new CheckoutPage(page);
      await page.goto(`/sales/${sale}`);
      await buyer.hold.click();
      await page.waitForURL(/\/checkout\//);
      await checkout.atProvider.click();
      await page.getByTestId("provider-cancel").click();
      await expect(page.getByTestId("to-provider")).toBeVisible();
      await expect(page.getByText("A payment is under way")).toBeVisible();
      await page.getByTestId("to-provider").click();
      await expect(page.getByTestId("provider-pay")).toBeVisible();
      await page.getByTestId("provider-cancel").click();
      await checkout.release.click();
      await checkout.hasEnded("released");
      expect(await boxOffice.audit(sale)).toMatchObject({ sold: 0, clean: true });
    });
  });
}

test("two tabs that pay one hold pay once", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ ...paid, contact: "none" });
  const checkout = new CheckoutPage(buyer.page);
  await buyer.open(sale);
  await buyer.pick("B-1");
  await buyer.hold.click();
  await checkout.arrived();
  const tab = await buyer.page.context().newPage();
  const other = new CheckoutPage(tab);
  await tab.goto(buyer.page.url());
  await checkout.atProvider.click();
  await expect(buyer.page.getByTestId("provider-pay")).toBeVisible();
  await other.atProvider.click();
  await expect(tab.getByTestId("provider-pay")).toBeVisible();
  expect(tab.url()).toBe(buyer.page.url());
  await buyer.page.getByTestId("provider-pay").click();
  await checkout.hasEnded("confirmed");
  await tab.getByTestId("provider-pay").click();
  await other.hasEnded("confirmed");
  await expect(other.tickets).toHaveCount(1);
  expect(await boxOffice.audit(sale)).toMatchObject({ sold: 1, orders: 1, clean: true });
});
