// Prices that rise with how much is held or sold.
import { admission, seated } from "./support/box-office";
import { CheckoutPage } from "./support/checkout-page";
import { expect, test } from "./support/test";

test("a price that rises is told wherever it stands, and what is held keeps its price", async ({
  boxOffice,
  buyer,
  anotherBuyer,
}) => {
  const steps = [{ sold_percent: 50, price: 4_000 }];
  const floor = { ...seated(2, 2, "Floor", 3_500), price_steps: steps };
  const sale = await boxOffice.makeSale({ checkout: "paid", contact: "none", tiers: [floor, admission(4)] });
  await buyer.open(sale);
  await buyer.pick("A-1");
  const prices = () =>
    [".legend-price", ".tier-option:first-of-type .tier-price", ".picked-seat .figures", ".total .figures"].map((place) =>
      buyer.page.locator(place),
    );
  for (const price of prices()) await expect(price).toHaveText("$35.00");
  await expect(buyer.seat("A-1")).toHaveAccessibleName("A-1, Floor, selected");

  // Half of the seats are held by then, so the price of all that follow rises.
  await boxOffice.hold(sale, { seats: ["B-1", "B-2"] });
  for (const price of prices()) await expect(price).toHaveText("$40.00");
  await buyer.hold.click();
  const checkout = new CheckoutPage(buyer.page);
  await checkout.arrived();
  await expect(buyer.page.getByTestId("total")).toHaveText("$40.00");

  const other = await anotherBuyer();
  await other.open(sale);
  await other.pick("A-2");
  await expect(other.page.locator(".picked-seat .figures")).toHaveText("$40.00");
  await checkout.pay.click();
  await checkout.hasEnded("confirmed");
  await expect(checkout.tickets).toHaveCount(1);
  await expect(buyer.page.getByTestId("total")).toHaveText("$40.00");
});
