// A browser that runs no script holds, extends, pays and gives back through forms.
import { admission, seated } from "./support/box-office";
import { CheckoutPage } from "./support/checkout-page";
import { expect, test } from "./support/test";

test.use({ javaScriptEnabled: false });

test.beforeEach(({ complaints }) => {
  // This browser may not run scripts, so it reports that it has not loaded ours.
  complaints.expect(/request failed: csp .*\/pkg\/.*\.js/);
});

test("from the choice to the ticket", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ checkout: "paid", tiers: [seated(2, 5)] });
  await buyer.page.goto(`/sales/${sale}`);
  await buyer.page.getByLabel("Seat, or leave it empty").fill("B-4, B-5");
  await buyer.hold.click();

  const checkout = new CheckoutPage(buyer.page);
  await expect(buyer.page).toHaveURL(/\/checkout\/.*outcome=held/);
  await expect(checkout.items).toHaveText([/B-4/, /B-5/]);
  await expect(buyer.toast("success")).toContainText("Held for you");
  await checkout.extend.click();
  await expect(buyer.toast("success")).toContainText("Extended");
  expect(await checkout.seconds()).toBeGreaterThan(600);
  await buyer.page.getByLabel("E-mail").fill("ada@example.org");
  await checkout.pay.click();
  await expect(buyer.page).toHaveURL(/outcome=won/);
  await expect(buyer.toast("success")).toBeVisible();
  await expect(checkout.tickets).toHaveCount(2);
  expect(await boxOffice.audit(sale)).toMatchObject({ sold: 2, orders: 1, clean: true });
});

test("a payment that is declined, and a hold that is given back", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ checkout: "paid", contact: "none", tiers: [admission(5)] });
  const checkout = new CheckoutPage(buyer.page);
  await buyer.page.goto(`/sales/${sale}`);
  await buyer.hold.click();
  await checkout.payFail.click();
  await checkout.hasEnded("declined");
  await buyer.page.getByRole("link", { name: "Choose again" }).click();
  await buyer.hold.click();
  await checkout.release.click();
  await checkout.hasEnded("released");
  await buyer.page.getByRole("link", { name: "Choose again" }).click();
  await expect(buyer.available).toHaveText("5");
});

test("a seat that is held already is told, and the hold can be changed", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ checkout: "paid", contact: "none", tiers: [seated(2, 5)] });
  const checkout = new CheckoutPage(buyer.page);
  const choose = async (seats: string) => {
    await buyer.page.goto(`/sales/${sale}`);
    await buyer.page.getByLabel("Seat, or leave it empty").fill(seats);
    await buyer.hold.click();
  };
  await choose("A-1");
  await choose("A-1, A-2");
  await expect(buyer.page).toHaveURL(/outcome=seat-taken/);
  await buyer.shows("A-1", "mine");
  await buyer.page.getByTestId("change").click();
  await expect(checkout.items).toHaveText([/A-1/, /A-2/]);
  // What nobody sealed offers nothing.
  const hold = buyer.page.url().split("/").pop()!.split("?")[0];
  await buyer.page.goto(`/sales/${sale}?outcome=seat-taken&hold=${hold}&seats=B-1&seal=1.x`);
  await expect(buyer.page.getByTestId("change")).toHaveCount(0);
});
