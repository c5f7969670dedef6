// A visitor whose clock is wrong, and a page that came slowly.
import type { BrowserContext } from "@playwright/test";

import { admission, seated } from "./support/box-office";
import { hydrated } from "./support/sale-page";
import { expect, test } from "./support/test";

const HOUR_MILLISECONDS = 3_600_000;
const SLOW_DOWNLOAD_MILLISECONDS = 3_000;
/** The WebAssembly that every page waits for; the simulator is another file. */
const CLIENT = /\/onsale\.[0-9a-f]+\.wasm$/;
/** "right within a second", and a moment to look. */
const TOLERATED_MILLISECONDS = 1_500;

const later = (milliseconds: number) => new Date(Date.now() + milliseconds).toISOString();

/** Gives every page of the context a wall clock that is ahead, and that a test can let jump. */
async function setWallClock(context: BrowserContext, aheadMilliseconds: number): Promise<void> {
  await context.addInitScript((ahead) => {
    const RealDate = Date;
    Object.assign(window, { ahead });
    const now = () => RealDate.now() + (window as unknown as { ahead: number }).ahead;
    const WrongDate = new Proxy(RealDate, {
      construct: (date, given) => Reflect.construct(date, given.length > 0 ? given : [now()]),
      get: (date, name) => (name === "now" ? now : Reflect.get(date, name)),
    });
    Object.assign(window, { Date: WrongDate });
  }, aheadMilliseconds);
}

/** Milliseconds that a countdown like `1:05` or `2:00:05` shows. */
function shown(text: string): number {
  if (text === "now") return 0;
  const parts = text.replace(" s", "").split(":").map(Number);
  return parts.reduce((sum, part) => sum * 60 + part, 0) * 1_000;
}

for (const ahead of [HOUR_MILLISECONDS, -HOUR_MILLISECONDS]) {
  test(`the countdown is right on a slow line with a clock that is ${ahead > 0 ? "an hour ahead" : "an hour behind"}`, async ({
    context,
    boxOffice,
    buyer,
  }) => {
    await setWallClock(context, ahead);
    const opens_at = later(10 * 60_000);
    const sale = await boxOffice.makeSale({ tiers: [seated(1, 10)], opens_at });
    await buyer.page.route(CLIENT, async (route) => {
      await new Promise((resolve) => setTimeout(resolve, SLOW_DOWNLOAD_MILLISECONDS));
      await route.continue();
    });
    for (const path of [`/sales/${sale}`, "/"]) {
      await buyer.page.goto(path);
      await hydrated(buyer.page);
      const countdown = buyer.page.locator(`time[datetime="${opens_at}"]`);
      await expect(async () => {
        const left = shown((await countdown.textContent())!);
        expect(Math.abs(left - (Date.parse(opens_at) - Date.now()))).toBeLessThan(TOLERATED_MILLISECONDS);
      }).toPass({ timeout: 1_500 });
    }
  });
}

test("a wall clock that jumps opens nothing early", async ({ context, boxOffice, buyer }) => {
  await setWallClock(context, 0);
  const sale = await boxOffice.makeSale({ tiers: [admission(10)], opens_at: later(HOUR_MILLISECONDS / 2) });
  await buyer.open(sale);
  await expect(buyer.buy).toHaveText("Not open yet");
  await buyer.page.evaluate((ahead) => Object.assign(window, { ahead }), HOUR_MILLISECONDS);
  // Two ticks of the slowest clock that a page may have.
  await buyer.page.waitForTimeout(2_500);
  await expect(buyer.buy).toHaveText("Not open yet");
  await buyer.isLive();
});

test("a stopwatch that ran ahead or stood still is put right by what the server says next", async ({
  boxOffice,
  buyer,
}) => {
  await buyer.page.addInitScript(() => {
    const now = performance.now.bind(performance);
    const stopwatch = { ahead: 0, stands: false, at: 0 };
    Object.assign(window, { stopwatch });
    performance.now = () => {
      if (stopwatch.stands) stopwatch.ahead = stopwatch.at - now();
      stopwatch.at = now() + stopwatch.ahead;
      return stopwatch.at;
    };
  });
  const opens_at = later(HOUR_MILLISECONDS / 2);
  const sale = await boxOffice.makeSale({ tiers: [admission(10)], opens_at });
  await buyer.open(sale);
  const countdown = buyer.page.locator(`time[datetime="${opens_at}"]`);
  const change = (change: Record<string, unknown>) =>
    buyer.page.evaluate((change) => Object.assign((window as unknown as { stopwatch: object }).stopwatch, change), change);
  const isRight = () =>
    expect(async () => {
      const left = shown((await countdown.textContent())!);
      expect(Math.abs(left - (Date.parse(opens_at) - Date.now()))).toBeLessThan(TOLERATED_MILLISECONDS);
      // The heartbeat comes every ten seconds.
    }).toPass({ timeout: 15_000 });
  await isRight();
  await change({ ahead: HOUR_MILLISECONDS });
  await isRight();
  // As where the machine sleeps.
  await change({ stands: true });
  await buyer.page.waitForTimeout(5_000);
  await change({ stands: false });
  await isRight();
  await expect(buyer.buy).toHaveText("Not open yet");
});

test("the button opens when the server's time has come", async ({ context, boxOffice, buyer }) => {
  await setWallClock(context, -HOUR_MILLISECONDS);
  const sale = await boxOffice.makeSale({ tiers: [admission(10)], opens_at: later(6_000) });
  await buyer.open(sale);
  await expect(buyer.buy).toHaveText("Not open yet");
  await expect(buyer.buy).toHaveText("Buy 1 ticket", { timeout: 8_000 });
  await buyer.buy.click();
  await expect(buyer.toast("success")).toBeVisible();
});
