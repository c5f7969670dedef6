// A page whose server dies and comes back. Each test starts its own server.
import type { Page } from "@playwright/test";

import { BoxOffice, seated } from "./support/box-office";
import { hydrated, SalePage } from "./support/sale-page";
import { expect, test } from "./support/test";

/** The longest wait between two tries of the stream. */
const RECOVERS_WITHIN = { timeout: 20_000 };
/** A silence so long that the page must call its data stale. */
const LONG_SILENCE_MILLISECONDS = 30_000;

test.slow();

/** Lets the page's clock run ahead until the expectation holds. */
async function whileTimePasses(page: Page, expectation: () => Promise<void>): Promise<void> {
  await expect(async () => {
    await page.clock.runFor(500);
    await expectation();
  }).toPass(RECOVERS_WITHIN);
}

for (const [end, signal] of [
  ["is shut down", "SIGTERM"],
  ["is killed", "SIGKILL"],
] as const) {
  test(`when the server ${end} and comes back, the page says so, recovers by itself and shows what was bought meanwhile`, async ({
    page,
    ownServer: server,
    complaints,
  }) => {
    complaints.expect(/net::ERR_/);
    const boxOffice = new BoxOffice(server.address);
    const sale = await boxOffice.makeSale({ tiers: [seated(1, 10)] });
    await page.goto(`${server.address}/sales/${sale}`);
    await hydrated(page);
    const buyer = new SalePage(page);
    await buyer.isLive();
    await buyer.pick("A-1");
    await buyer.buy.click();
    await buyer.shows("A-1", "mine");

    await server.stop(signal);
    await expect(buyer.connection).toHaveAttribute("data-state", "reconnecting");
    // The page still shows what it knew.
    await buyer.shows("A-1", "mine");
    await expect(buyer.available).toHaveText("9");

    await server.start();
    await boxOffice.buy(sale, { seat: "A-5" });
    await expect(buyer.connection).toHaveAttribute("data-state", "live", RECOVERS_WITHIN);
    await buyer.shows("A-5", "sold");
    await buyer.shows("A-1", "mine");
    await buyer.hasLeft(8);
    await buyer.pick("A-2");
    await buyer.buy.click();
    await buyer.shows("A-2", "mine");
    expect(await boxOffice.audit(sale)).toMatchObject({ sold: 3, clean: true });
  });
}

test("after a long silence the page calls itself stale and tells its age, and a purchase says that no answer came", async ({
  page,
  ownServer: server,
  complaints,
}) => {
  complaints.expect(/net::ERR_/);
  const boxOffice = new BoxOffice(server.address);
  const sale = await boxOffice.makeSale({ tiers: [seated(1, 10)] });
  await page.clock.install();
  await page.goto(`${server.address}/sales/${sale}`);
  await hydrated(page);
  const buyer = new SalePage(page);
  await buyer.isLive();
  await server.stop("SIGKILL");
  await expect(buyer.connection).toHaveAttribute("data-state", "reconnecting");
  await page.clock.fastForward(LONG_SILENCE_MILLISECONDS);
  await expect(buyer.connection).toHaveAttribute("data-state", "stale");
  await expect(buyer.connection).toContainText(/3\d s ago/);

  // The button still works. The server decides when it is back.
  await buyer.pick("A-1");
  await buyer.buy.click();
  await whileTimePasses(page, () => expect(buyer.toast("error")).toBeVisible({ timeout: 100 }));
  await buyer.hasLeft(10);
  await server.start();
  await whileTimePasses(page, () => expect(buyer.connection).toHaveAttribute("data-state", "live", { timeout: 100 }));
  // What was picked is still picked, and the same press asks under the same key.
  await expect(buyer.seat("A-1")).toHaveAttribute("data-selected", "true");
  await buyer.buy.click();
  await buyer.shows("A-1", "mine");
});
