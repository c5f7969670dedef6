// What the page does when it cannot get the live stream.
import { seated } from "./support/box-office";
import { hydrated } from "./support/sale-page";
import { expect, test } from "./support/test";

const STREAM = "**/api/v1/sales/*/stream*";
/** The longest wait between two tries of the stream, and the poll that comes before. */
const STREAM_RETRIED_WITHIN_MILLISECONDS = 20_000;

for (const [obstacle, block] of [
  ["cut off", { abort: true }],
  ["refused with 503", { abort: false }],
] as const) {
  test(`polling carries the page while the stream is ${obstacle}, and the stream takes over again`, async ({
    boxOffice,
    buyer,
    complaints,
  }) => {
    complaints.expect(/\/stream/);
    const sale = await boxOffice.makeSale({ tiers: [seated(1, 10)] });
    await buyer.page.route(STREAM, (route) => (block.abort ? route.abort() : route.fulfill({ status: 503 })));
    await buyer.page.goto(`/sales/${sale}`);
    await hydrated(buyer.page);
    await expect(buyer.connection).toHaveAttribute("data-state", "polling");

    await boxOffice.buy(sale, { seat: "A-7" });
    await buyer.shows("A-7", "sold");
    await buyer.hasLeft(9);
    await buyer.pick("A-1");
    await buyer.buy.click();
    await buyer.shows("A-1", "mine");
    await expect(buyer.connection).toHaveAttribute("data-state", "polling");

    await buyer.page.unroute(STREAM);
    await expect(buyer.connection).toHaveAttribute("data-state", "live", {
      timeout: STREAM_RETRIED_WITHIN_MILLISECONDS,
    });
    await boxOffice.buy(sale, { seat: "A-8" });
    await buyer.shows("A-8", "sold", 1_000);
    await buyer.hasLeft(7);
    await buyer.shows("A-1", "mine");
  });
}
