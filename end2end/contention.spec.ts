// Two browsers want the same seat.
import { seated } from "./support/box-office";
import { PurchaseGate } from "./support/purchase-gate";
import { expect, test } from "./support/test";

test("a seat bought in one browser turns in the other within a second, and stays so", async ({
  boxOffice,
  buyer,
  anotherBuyer,
}) => {
  const sale = await boxOffice.makeSale({ tiers: [seated(2, 5)] });
  const watcher = await anotherBuyer();
  await Promise.all([buyer.open(sale), watcher.open(sale)]);

  await buyer.pick("A-3");
  await buyer.buy.click();
  await buyer.shows("A-3", "mine");
  await watcher.shows("A-3", "sold", 1_000);
  await expect(buyer.toast("success")).toBeVisible();
  await Promise.all([buyer.hasLeft(9), watcher.hasLeft(9)]);

  await Promise.all([buyer.reload(), watcher.reload()]);
  await buyer.shows("A-3", "mine");
  await watcher.shows("A-3", "sold");
  await Promise.all([buyer.hasLeft(9), watcher.hasLeft(9)]);
});

test("of two who press in the same moment one wins, and the other is told so", async ({
  boxOffice,
  buyer,
  anotherBuyer,
}) => {
  const sale = await boxOffice.makeSale({ tiers: [seated(2, 5)] });
  const other = await anotherBuyer();
  const both = [buyer, other];
  await Promise.all(both.map((page) => page.open(sale)));
  const gates = await Promise.all(both.map(({ page }) => PurchaseGate.close(page)));

  await Promise.all(both.map((page) => page.pick("B-2")));
  await Promise.all(both.map((page) => page.buy.click()));
  // Both purchases have been sent before either of them is decided.
  await Promise.all(gates.map((gate) => gate.arrival()));
  await Promise.all(gates.map((gate) => gate.release()));

  await Promise.all(both.map(({ page }) => expect(page.getByTestId("toast")).toBeVisible()));
  const hasWon = await buyer.toast("success").isVisible();
  const [winner, loser] = hasWon ? [buyer, other] : [other, buyer];
  await expect(winner.toast("success")).toContainText("B-2");
  await expect(loser.toast("conflict")).toContainText("B-2");
  await winner.shows("B-2", "mine");
  await loser.shows("B-2", "sold", 1_000);
  await Promise.all(both.map((page) => page.hasLeft(9)));
  expect(await boxOffice.audit(sale)).toMatchObject({ sold: 1, orders: 1, phantoms: 0, leaks: 0, clean: true });

  await Promise.all(both.map((page) => page.reload()));
  await winner.shows("B-2", "mine");
  await loser.shows("B-2", "sold");
});

test("a picked seat that somebody else buys leaves the selection, and nothing else is bought for it", async ({
  boxOffice,
  buyer,
}) => {
  const sale = await boxOffice.makeSale({ tiers: [seated(2, 5)] });
  await buyer.open(sale);
  await buyer.pick("A-1");
  await boxOffice.buy(sale, { seat: "A-1" });

  await expect(buyer.toast("conflict")).toContainText("A-1");
  await buyer.shows("A-1", "sold");
  await expect(buyer.seat("A-1")).not.toHaveAttribute("data-selected", "true");
  await expect(buyer.buy).toHaveText("Pick another seat");
  await buyer.buy.click();
  await expect(buyer.toast("conflict")).toHaveCount(2);
  expect(await boxOffice.audit(sale)).toMatchObject({ sold: 1, clean: true });
});
