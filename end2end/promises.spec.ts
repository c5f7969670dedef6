// What the button promises before the press, and what a buyer may still have.
import { admission, seated } from "./support/box-office";
import { PURCHASES, PurchaseGate } from "./support/purchase-gate";
import type { SalePage } from "./support/sale-page";
import { expect, test } from "./support/test";

async function choose(buyer: SalePage, quantity: number): Promise<void> {
  await buyer.page.getByLabel("How many").fill(String(quantity));
  await buyer.page.getByLabel("How many").press("Tab");
}

test("the button says how the best seats stand together, and the order says the same", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [seated(2, 4)] });
  await buyer.open(sale);
  await choose(buyer, 3);
  await expect(buyer.buy).toHaveText("Buy the best 3, together");
  // A: . . x .   B: . x x .
  for (const seat of ["A-3", "B-2", "B-3"]) await boxOffice.buy(sale, { seat });
  await expect(buyer.buy).toHaveText("Buy 3, in two rows behind each other");
  await boxOffice.buy(sale, { seat: "B-1" });
  await expect(buyer.buy).toHaveText("Buy 3, not side by side");
  const answer = buyer.page.waitForResponse(PURCHASES);
  await buyer.buy.click();
  expect((await (await answer).json()).bought.order.rung).toBe("scattered");
  await expect(buyer.toast("success")).toContainText("A-1, A-2, A-4");
  // Nothing was promised that was not kept.
  await expect(buyer.toast("success")).not.toContainText("Others were faster");
});

test("seats that stand worse than the button promised are told as such", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [seated(1, 6)] });
  await buyer.open(sale);
  await choose(buyer, 3);
  await expect(buyer.buy).toHaveText("Buy the best 3, together");
  const gate = await PurchaseGate.close(buyer.page);
  await buyer.buy.click();
  await gate.arrival();
  for (const seat of ["A-2", "A-4"]) await boxOffice.buy(sale, { seat });
  await gate.release();
  await expect(buyer.toast("success")).toContainText("Others were faster: they are not side by side.");
});

test("no more seats can be picked than a buyer may still have", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [seated(1, 6)], max_per_buyer: 2 });
  await buyer.open(sale);
  await buyer.pick("A-1");
  await buyer.pick("A-2");
  await buyer.seat("A-3").click();
  await expect(buyer.toast("limit")).toContainText("One buyer may have 2");
  await expect(buyer.seat("A-3")).not.toHaveAttribute("data-selected", "true");
  await buyer.buy.click();
  await expect(buyer.seats("mine")).toHaveCount(2);
  await expect(buyer.buy).toHaveText("You have all you may have");
  await buyer.seat("A-4").click();
  await expect(buyer.seat("A-4")).not.toHaveAttribute("data-selected", "true");

  await buyer.reload();
  await expect(buyer.buy).toHaveText("You have all you may have");
});

test("the quantity ends where the buyer's limit does, less what they have", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [admission(20)], max_per_buyer: 3 });
  await buyer.open(sale);
  await choose(buyer, 9);
  await expect(buyer.page.getByLabel("How many")).toHaveValue("3");
  await choose(buyer, 1);
  await buyer.buy.click();
  await expect(buyer.toast("success")).toBeVisible();
  await choose(buyer, 9);
  await expect(buyer.page.getByLabel("How many")).toHaveValue("2");
  await expect(buyer.buy).toHaveText("Buy 2 tickets");
});

test("a buyer's card stops at the limit and says so", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [admission(20)], max_per_buyer: 1 });
  await buyer.open(sale);
  await buyer.page.locator("#card-add").click();
  const card = buyer.page.locator("#card-1-buy");
  await card.click();
  await expect(buyer.page.locator("#card-1-owned")).toHaveText("1");
  await expect(card).toHaveText("Has all it may have");
  await card.click();
  await expect(buyer.page.locator("#card-1 .buyer-message")).toHaveAttribute("data-kind", "limit");
  expect(await boxOffice.audit(sale)).toMatchObject({ sold: 1, orders: 1 });
});
