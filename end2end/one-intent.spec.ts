// One intent, one purchase: however the button is pressed, how slow the answer is, and with or without script.
import type { Page } from "@playwright/test";

import { admission, type BoxOffice, seated } from "./support/box-office";
import { PURCHASES, PurchaseGate } from "./support/purchase-gate";
import { hydrated, SalePage } from "./support/sale-page";
import { expect, test } from "./support/test";

/** Longer than an answer has to stand on the screen before it counts as seen. */
const SEEN_MILLISECONDS = 1_500;

/** Nothing more comes of what was pressed, and the server counts so many orders. */
async function ordersStay(boxOffice: BoxOffice, sale: string, orders: number, sold = orders): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, SEEN_MILLISECONDS));
  expect(await boxOffice.audit(sale)).toMatchObject({ orders, sold, clean: true });
}

async function middleOf(buyer: SalePage): Promise<[number, number]> {
  const box = (await buyer.buy.boundingBox())!;
  return [box.x + box.width / 2, box.y + box.height / 2];
}

/** Presses at one place, as a hand does that looks at nothing in between. */
async function pressTwice(page: Page, [x, y]: [number, number], apartMilliseconds: number): Promise<void> {
  await page.mouse.click(x, y);
  await page.waitForTimeout(apartMilliseconds);
  await page.mouse.click(x, y, { clickCount: 2 });
}

for (const apart of [0, 50, 150, 300, 450]) {
  test(`two clicks ${apart} ms apart are one purchase`, async ({ boxOffice, buyer }) => {
    const sale = await boxOffice.makeSale({ tiers: [admission(10)] });
    await buyer.open(sale);
    await buyer.buy.scrollIntoViewIfNeeded();
    await pressTwice(buyer.page, await middleOf(buyer), apart);
    await expect(buyer.toast("success")).toHaveCount(1);
    await ordersStay(boxOffice, sale, 1);
  });

  test(`two clicks ${apart} ms apart on a picked seat buy that seat and no other`, async ({ boxOffice, buyer }) => {
    const sale = await boxOffice.makeSale({ tiers: [seated(2, 5)] });
    await buyer.open(sale);
    await buyer.pick("B-3");
    await buyer.buy.scrollIntoViewIfNeeded();
    await pressTwice(buyer.page, await middleOf(buyer), apart);
    await buyer.shows("B-3", "mine");
    await ordersStay(boxOffice, sale, 1);
    await expect(buyer.seats("mine")).toHaveCount(1);
  });
}

test("two clicks around a slow answer are one purchase", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [seated(2, 5)] });
  await buyer.open(sale);
  await buyer.page.route(PURCHASES, async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    await route.continue();
  });
  await buyer.pick("A-1");
  await buyer.buy.scrollIntoViewIfNeeded();
  const place = await middleOf(buyer);
  await pressTwice(buyer.page, place, 300);
  await expect(buyer.toast("success")).toBeVisible();
  // The second hand comes just as the answer does.
  await buyer.page.mouse.click(...place);
  await ordersStay(boxOffice, sale, 1);
});

test("after a second on the screen the button offers the next, and a press is a new purchase", async ({
  boxOffice,
  buyer,
}) => {
  const sale = await boxOffice.makeSale({ tiers: [seated(1, 5)] });
  await buyer.open(sale);
  await buyer.pick("A-4");
  await buyer.buy.click();
  await expect(buyer.buy).toHaveText("You have it");
  await expect(buyer.buy).toBeDisabled();
  await expect(buyer.buy).toHaveText("Buy the best seat");
  await buyer.buy.click();
  await expect(buyer.toast("success")).toHaveCount(2);
  await ordersStay(boxOffice, sale, 2);
});

test("another seat that the buyer picks within that second is another purchase at once", async ({
  boxOffice,
  buyer,
}) => {
  const sale = await boxOffice.makeSale({ tiers: [seated(1, 5)] });
  await buyer.open(sale);
  await buyer.pick("A-1");
  await buyer.buy.click();
  await expect(buyer.toast("success")).toBeVisible();
  await buyer.pick("A-3");
  await expect(buyer.buy).toHaveText("Buy this seat", { timeout: 900 });
  await buyer.buy.click();
  await buyer.shows("A-3", "mine");
  await ordersStay(boxOffice, sale, 2);
});

test("Enter pressed twice, and Enter held down, are one purchase", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [admission(10)] });
  await buyer.open(sale);
  await buyer.buy.focus();
  await buyer.page.keyboard.press("Enter");
  await buyer.page.keyboard.press("Enter");
  await ordersStay(boxOffice, sale, 1);

  // A held key comes again and again, for longer than an answer has to be seen.
  for (let times = 0; times < 20; times += 1) {
    await buyer.page.keyboard.down("Enter");
    await buyer.page.waitForTimeout(100);
  }
  await buyer.page.keyboard.up("Enter");
  await ordersStay(boxOffice, sale, 2);
});

test.describe("a finger", () => {
  test.use({ hasTouch: true, viewport: { width: 390, height: 800 } });

  test("that taps twice buys once", async ({ boxOffice, buyer }) => {
    const sale = await boxOffice.makeSale({ tiers: [seated(2, 5)] });
    await buyer.open(sale);
    await buyer.seat("A-2").tap();
    await expect(buyer.seat("A-2")).toHaveAttribute("data-selected", "true");
    await buyer.buy.scrollIntoViewIfNeeded();
    const place = await middleOf(buyer);
    await buyer.page.touchscreen.tap(...place);
    await buyer.page.waitForTimeout(80);
    await buyer.page.touchscreen.tap(...place);
    await buyer.shows("A-2", "mine");
    await ordersStay(boxOffice, sale, 1);
  });
});

test("a reload between the press and its answer buys nothing twice", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [admission(10)] });
  await buyer.open(sale);
  // The server decides; the page is gone before it hears of it.
  let decided = () => {};
  const isDecided = new Promise<void>((resolve) => (decided = resolve));
  await buyer.page.route(PURCHASES, async (route) => {
    await route.fetch();
    decided();
  });
  await buyer.buy.click();
  await isDecided;
  await buyer.page.unroute(PURCHASES);
  await buyer.reload();
  await expect(buyer.page.locator(".own-tickets .ticket")).toHaveCount(1);
  await buyer.buy.click();
  await expect(buyer.toast("success")).toBeVisible();
  await ordersStay(boxOffice, sale, 1);
  // That answer has been seen: now it is another intent.
  await buyer.buy.click();
  await expect(buyer.page.locator(".own-tickets .ticket")).toHaveCount(2);
  await ordersStay(boxOffice, sale, 2);
});

test("several picked seats are one order, and none is bought where one is gone", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [seated(2, 5)] });
  await buyer.open(sale);
  for (const seat of ["A-1", "A-2", "B-5"]) await buyer.pick(seat);
  const gate = await PurchaseGate.close(buyer.page);
  await expect(buyer.buy).toHaveText("Buy these 3 seats");
  await buyer.buy.click();
  await gate.arrival();
  await boxOffice.buy(sale, { seat: "A-2" });
  await gate.release();
  await expect(buyer.toast("conflict")).toHaveCount(1);
  await expect(buyer.toast("conflict")).toContainText("A-2 is taken");
  for (const seat of ["A-1", "B-5"]) await expect(buyer.seat(seat)).toHaveAttribute("data-selected", "true");
  await ordersStay(boxOffice, sale, 1);

  await buyer.page.unroute(PURCHASES);
  await expect(buyer.buy).toHaveText("Buy these 2 seats");
  await buyer.buy.click();
  await expect(buyer.seats("mine")).toHaveCount(2);
  await ordersStay(boxOffice, sale, 2, 3);
});

test("a button does not change its meaning under a pointer that is down", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [seated(1, 5)] });
  await buyer.open(sale);
  for (const seat of ["A-1", "A-2"]) await buyer.pick(seat);
  // The list of picked seats becomes shorter, so the button may move away from a real pointer, whose click then goes elsewhere.
  await buyer.buy.dispatchEvent("pointerdown");
  await boxOffice.buy(sale, { seat: "A-1" });
  await buyer.shows("A-1", "sold");
  await expect(buyer.buy).toHaveText("Buy these 2 seats");
  await buyer.buy.evaluate((button: HTMLElement) => button.click());
  // Both or none: the seat that is left was not what the button said.
  await buyer.shows("A-2", "available");
  await ordersStay(boxOffice, sale, 1);
});

test("a buyer's card that is clicked twice buys once", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [admission(10)] });
  await buyer.open(sale);
  await buyer.page.locator("#card-add").click();
  await buyer.page.locator("#card-1-buy").dblclick();
  await expect(buyer.page.locator("#card-1-owned")).toHaveText("1");
  await ordersStay(boxOffice, sale, 1);
});

test.describe("without script", () => {
  test.use({ javaScriptEnabled: false });

  test.beforeEach(({ complaints }) => complaints.expect(/request failed: csp .*\/pkg\/.*\.js/));

  test("a form that is sent twice, and sent again, is one order", async ({ boxOffice, buyer }) => {
    const sale = await boxOffice.makeSale({ tiers: [admission(10)] });
    await buyer.page.goto(`/sales/${sale}`);
    const key = await buyer.page.locator('[name="idempotency_key"]').getAttribute("value");
    await buyer.buy.dblclick();
    await expect(buyer.toast("success")).toBeVisible();
    const { origin } = new URL(buyer.page.url());
    const [{ name, value }] = await buyer.page.context().cookies();
    const again = await fetch(`${origin}/sales/${sale}/buy`, {
      method: "POST",
      body: new URLSearchParams({ tier: "ga", quantity: "1", idempotency_key: key! }),
      headers: { origin, cookie: `${name}=${value}` },
      redirect: "manual",
    });
    expect(again.status).toBe(303);
    await buyer.page.reload();
    await ordersStay(boxOffice, sale, 1);
  });
});

test("the page of a sale says nothing that a link makes up", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [admission(10)] });
  for (const claim of ["outcome=won", "outcome=sold-out", "outcome=waiting"]) {
    await buyer.page.goto(`/sales/${sale}?${claim}`);
    await hydrated(buyer.page);
    await expect(buyer.page.getByTestId("toast")).toHaveCount(0);
  }
});

test("a browser that keeps no cookies is told so before it buys", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [admission(10)] });
  await buyer.page.addInitScript(() =>
    Object.defineProperty(Navigator.prototype, "cookieEnabled", { get: () => false }),
  );
  await buyer.open(sale);
  await expect(buyer.page.locator(".notice[role='alert']:visible")).toContainText("Allow cookies for this site");
  await expect(buyer.buy).toHaveText("Cookies are off");
  await expect(buyer.buy).toBeDisabled();
});

test("a browser whose cookies are lost on the way buys nothing, and is told why", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [admission(10)] });
  await buyer.open(sale);
  await buyer.page.context().clearCookies();
  await buyer.buy.click();
  await expect(buyer.page.locator(".notice[role='alert']:visible")).toContainText("Allow cookies for this site");
  await expect(buyer.toast("error")).toBeVisible();
  await ordersStay(boxOffice, sale, 0);
});
