// What the page shows between the press of the button and the server's answer, and afterwards.
import { admission, seated } from "./support/box-office";
import { PURCHASES, PurchaseGate } from "./support/purchase-gate";
import { expect, test } from "./support/test";

test("the counter steps at once as a guess, and settles when the answer comes", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [seated(1, 10)] });
  await buyer.open(sale);
  const gate = await PurchaseGate.close(buyer.page);

  await buyer.pick("A-4");
  await buyer.buy.click();
  await gate.arrival();
  await expect(buyer.available).toHaveText("9");
  await expect(buyer.available).toHaveAttribute("data-tentative", "true");
  await expect(buyer.buy).toBeDisabled();
  await expect(buyer.buy).toHaveText("Buying…");
  await expect(buyer.toast("success")).toHaveCount(0);

  await gate.release();
  await buyer.hasLeft(9);
  await buyer.shows("A-4", "mine");
  await expect(buyer.toast("success")).toContainText("A-4");
  await expect(buyer.buy).toBeEnabled();
});

test("a seat lost on the way rolls the guess back and says conflict", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [seated(1, 10)] });
  await buyer.open(sale);
  const gate = await PurchaseGate.close(buyer.page);

  await buyer.pick("A-4");
  await buyer.buy.click();
  await gate.arrival();
  await boxOffice.buy(sale, { seat: "A-4" });
  await gate.release();
  await expect(buyer.toast("conflict")).toContainText("A-4");
  await buyer.shows("A-4", "sold");
  // One seat is gone, not two.
  await buyer.hasLeft(9);
});

test("the last unit lost on the way rolls the guess back and says sold out", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [admission(1)] });
  await buyer.open(sale);
  const gate = await PurchaseGate.close(buyer.page);

  await buyer.buy.click();
  await gate.arrival();
  await expect(buyer.available).toHaveText("0");
  await expect(buyer.available).toHaveAttribute("data-tentative", "true");
  await boxOffice.buy(sale, { tier: "ga" });
  await gate.release();
  await expect(buyer.toast("sold-out")).toBeVisible();
  await buyer.hasLeft(0);
});

test("a buyer at the limit gets the unit's count back and is told about the limit", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [admission(10)], max_per_buyer: 1 });
  await buyer.open(sale);
  await buyer.buy.click();
  await expect(buyer.toast("success")).toBeVisible();
  await buyer.hasLeft(9);

  await expect(buyer.buy).toHaveText("You have all you may have");
  await buyer.buy.click();
  await expect(buyer.toast("limit")).toBeVisible();
  await buyer.hasLeft(9);
});

test("a seat that does not exist is told apart from one that is taken", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [seated(1, 10)] });
  await buyer.open(sale);
  await buyer.page.route(PURCHASES, (route) =>
    route.continue({ postData: route.request().postData()!.replace("A-4", "Z-99") }),
  );

  await buyer.pick("A-4");
  await buyer.buy.click();
  await expect(buyer.toast("not-found")).toBeVisible();
  await buyer.hasLeft(10);
});

test("an answer lost on the network says so, and the next press brings the same tickets, not more", async ({
  boxOffice,
  buyer,
  complaints,
}) => {
  complaints.expect(/rpc\/buy/);
  const sale = await boxOffice.makeSale({ tiers: [admission(10)] });
  await buyer.open(sale);
  // The server decides, and its answer is lost on the network.
  await buyer.page.route(PURCHASES, async (route) => {
    await route.fetch();
    await route.abort("connectionreset");
  });
  await buyer.buy.click();
  await expect(buyer.toast("error")).toBeVisible();
  await expect(buyer.buy).toBeEnabled();

  await buyer.page.unroute(PURCHASES);
  await buyer.buy.click();
  await expect(buyer.toast("success")).toBeVisible();
  await buyer.hasLeft(9);
  expect(await boxOffice.audit(sale)).toMatchObject({ sold: 1, orders: 1, clean: true });
});
