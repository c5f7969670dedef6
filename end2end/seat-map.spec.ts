// The seat map beyond one seat: the legend, several seats, the best seats together, motion.
import { seated } from "./support/box-office";
import { expect, test } from "./support/test";

test("a price in the legend shows only its own seats in full strength, and counts what is left of them", async ({
  boxOffice,
  buyer,
}) => {
  const sale = await boxOffice.makeSale({ tiers: [seated(1, 4, "VIP", 10_000), seated(2, 4, "Back", 1_000)] });
  await buyer.open(sale);
  const [vip, back] = ["VIP", "Back"].map((name) => buyer.page.locator(".legend-entry", { hasText: name }));
  const [vipBand, backBand] = [0, 1].map((tier) => buyer.grid.locator(`[data-tier="${tier}"]`));
  await vip.click();
  await expect(vip).toHaveAttribute("aria-pressed", "true");
  await expect(backBand).toHaveAttribute("data-dimmed", "true");
  await expect(vipBand).not.toHaveAttribute("data-dimmed", "true");
  await vip.click();
  await expect(backBand).not.toHaveAttribute("data-dimmed", "true");

  await expect(back).toContainText("8 left");
  await boxOffice.buy(sale, { tier: "back", quantity: 2 });
  await expect(back).toContainText("6 left");
  await expect(vip).toContainText("4 left");
});

test("the best seats together are bought without touching the map", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [seated(3, 6)] });
  await boxOffice.buy(sale, { seat: "A-3" });
  await buyer.open(sale);
  await buyer.page.getByLabel("How many").fill("3");
  await buyer.page.getByLabel("How many").press("Tab");
  await expect(buyer.buy).toHaveText("Buy the best 3, together");
  await buyer.buy.click();
  await expect(buyer.toast("success")).toBeVisible();
  await expect(buyer.seats("mine")).toHaveCount(3);

  const labels = await buyer.seats("mine").evaluateAll((seats) => seats.map((seat) => (seat as HTMLElement).dataset.seat!));
  const rows = new Set(labels.map((label) => label.split("-")[0]));
  const numbers = labels.map((label) => Number(label.split("-")[1])).sort((one, other) => one - other);
  expect(rows.size, labels.join()).toBe(1);
  expect(numbers[2] - numbers[0], labels.join()).toBe(2);
});

test("several picked seats are bought with one press, and a lost one does not hold the others back", async ({
  boxOffice,
  buyer,
}) => {
  const sale = await boxOffice.makeSale({ tiers: [seated(2, 5)] });
  await buyer.open(sale);
  for (const seat of ["A-1", "A-2", "B-5"]) await buyer.pick(seat);
  await expect(buyer.page.locator(".picked-seat")).toHaveCount(3);
  await expect(buyer.page.locator(".total")).toContainText("$105");
  await buyer.page.getByRole("button", { name: "Give A-2 back" }).click();
  await expect(buyer.seat("A-2")).not.toHaveAttribute("data-selected", "true");
  await boxOffice.buy(sale, { seat: "B-5" });
  await expect(buyer.toast("conflict")).toContainText("B-5");

  await buyer.buy.click();
  await buyer.shows("A-1", "mine");
  await buyer.shows("A-2", "available");
  await buyer.hasLeft(8);
});

test("a state is told by more than colour: every seat names its own", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [seated(1, 5)] });
  await boxOffice.buy(sale, { seat: "A-2" });
  await buyer.open(sale);
  await buyer.pick("A-1");
  await buyer.buy.click();
  await buyer.shows("A-1", "mine");
  await buyer.pick("A-3");
  for (const [seat, state] of [
    ["A-1", "yours"],
    ["A-2", "sold"],
    ["A-3", "selected"],
    ["A-4", "available"],
  ]) {
    await expect(buyer.seat(seat)).toHaveAccessibleName(`${seat}, Floor, $35.00, ${state}`);
  }
});

test("nothing moves for those who want less motion", async ({ boxOffice, anotherBuyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [seated(1, 3)] });
  const buyer = await anotherBuyer({ reducedMotion: "reduce" });
  await buyer.open(sale);
  await boxOffice.buy(sale, { seat: "A-1" });
  await buyer.shows("A-1", "sold");
  await expect(buyer.page.locator(".counter")).toHaveAttribute("data-stock", "low");
  // Style sheets use durations of a hundredth of a second for "none", because elements then still reach their end
  // states.
  const moving = await buyer.page.evaluate(() =>
    document
      .getAnimations()
      .map((animation) => Number(animation.effect?.getComputedTiming().duration))
      .filter((milliseconds) => milliseconds > 10),
  );
  expect(moving).toEqual([]);
});
