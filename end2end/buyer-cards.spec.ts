// Several buyers side by side on one page, each with its own session and its own count.
import type { Page } from "@playwright/test";

import { admission, seated } from "./support/box-office";
import { expect, test } from "./support/test";

const owned = (page: Page, card: number) => page.locator(`#card-${card}-owned`);
const buyButton = (page: Page, card: number) => page.locator(`#card-${card}-buy`);
const message = (page: Page, card: number) => page.locator(`#card-${card} .buyer-message`);

async function add(page: Page, cards: number): Promise<void> {
  for (let card = 1; card <= cards; card += 1) {
    await page.locator("#card-add").click();
    await expect(page.locator(`#card-${card}`)).toBeVisible();
  }
}

test("each card is a buyer of its own: what one buys is not another's, nor the visitor's", async ({
  boxOffice,
  buyer,
}) => {
  // The limit is 2 per buyer, so three purchases of one unit succeed only if they are made by different buyers.
  const sale = await boxOffice.makeSale({ tiers: [admission(10)], max_per_buyer: 2 });
  await buyer.open(sale);
  await add(buyer.page, 2);
  await buyButton(buyer.page, 1).click();
  await expect(message(buyer.page, 1)).toHaveAttribute("data-kind", "success");
  await buyButton(buyer.page, 1).click();
  await expect(owned(buyer.page, 1)).toHaveText("2");
  await buyButton(buyer.page, 2).click();
  await expect(owned(buyer.page, 2)).toHaveText("1");
  await buyer.buy.click();
  await expect(buyer.toast("success")).toBeVisible();

  await expect(owned(buyer.page, 1)).toHaveText("2");
  await expect(buyer.page.locator(".own-tickets .ticket")).toHaveCount(1);
  await buyer.hasLeft(6);
});

test("a card that goes leaves the focus in the others", async ({ boxOffice, buyer }) => {
  await buyer.open(await boxOffice.makeSale({ tiers: [admission(10)] }));
  await add(buyer.page, 3);
  await buyButton(buyer.page, 2).focus();
  // The button is pressed by script, because that does not move the focus.
  await buyer.page.locator("#card-1-remove").evaluate((button: HTMLElement) => button.click());
  await expect(buyer.page.locator("#card-1")).toHaveCount(0);
  await expect(buyButton(buyer.page, 2)).toBeFocused();
  await expect(buyer.page.locator(".buyer-card")).toHaveText([/Buyer 2/, /Buyer 3/]);
});

test("cards are added and removed, and the others keep their counts", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [admission(10)] });
  await buyer.open(sale);
  await add(buyer.page, 3);
  await buyButton(buyer.page, 3).click();
  await expect(owned(buyer.page, 3)).toHaveText("1");
  await buyer.page.locator("#card-1-remove").click();
  await expect(buyer.page.locator(".buyer-card")).toHaveCount(2);
  await expect(owned(buyer.page, 3)).toHaveText("1");
  await expect(buyer.page.locator("#card-1")).toHaveCount(0);
});

test("two cards race for the last unit: one gets it, the other is told", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [admission(1)] });
  await buyer.open(sale);
  await add(buyer.page, 2);
  await buyer.page.locator("#card-race").click();

  await expect(message(buyer.page, 1)).toBeVisible();
  await expect(message(buyer.page, 2)).toBeVisible();
  const kinds = await buyer.page.locator(".buyer-message").evaluateAll((all) =>
    all.map((one) => (one as HTMLElement).dataset.kind).sort(),
  );
  expect(kinds).toEqual(["sold-out", "success"]);
  const counts = await buyer.page.locator(".buyer-owned strong").allTextContents();
  expect(counts.map((count) => count.trim()).sort()).toEqual(["0", "1"]);
  await buyer.hasLeft(0);
  expect(await boxOffice.audit(sale)).toMatchObject({ sold: 1, clean: true });
});

test("two cards race for one seat: the loser hears that it is taken", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [seated(1, 5)] });
  await buyer.open(sale);
  await add(buyer.page, 2);
  await buyer.pick("A-3");
  await buyer.page.locator("#card-race").click();
  await expect(buyer.page.locator('.buyer-message[data-kind="success"]')).toHaveCount(1);
  await expect(buyer.page.locator('.buyer-message[data-kind="conflict"]')).toHaveCount(1);
  await buyer.shows("A-3", "sold");
  await buyer.hasLeft(4);
});
