// Several windows of one browser: they share the stream of a sale, and no more than three streams are open in all.
import type { BrowserContext, Page, Request } from "@playwright/test";

import { type BoxOffice, seated } from "./support/box-office";
import { hydrated, SalePage } from "./support/sale-page";
import { expect, test } from "./support/test";

/** Windows that one HTTP/1.1 host could not serve if each had a stream of its own. */
const WINDOWS = 8;
const MAX_STREAMS = 3;
/** A new page leads within a second; the machine that runs the tests may be slow to close a page. */
const TAKES_OVER_WITHIN_MILLISECONDS = 2_000;

/** The streams that the pages of a context have open now. */
class Streams {
  readonly #open = new Set<Request>();

  constructor(context: BrowserContext) {
    context.on("request", (request) => {
      if (/\/stream(\?|$)/.test(request.url())) this.#open.add(request);
    });
    for (const end of ["requestfinished", "requestfailed"] as const) {
      context.on(end as "requestfailed", (request) => this.#open.delete(request));
    }
    context.on("page", (page) => page.on("close", () => this.#forget(page)));
  }

  #forget(page: Page): void {
    for (const request of this.#open) if (request.frame().page() === page) this.#open.delete(request);
  }

  get count(): number {
    return this.#open.size;
  }

  /** The page whose stream it is. */
  owners(): Page[] {
    return [...this.#open].map((request) => request.frame().page());
  }
}

async function open(context: BrowserContext, sale: string): Promise<SalePage> {
  const page = new SalePage(await context.newPage());
  await page.page.goto(`/sales/${sale}`);
  await hydrated(page.page);
  return page;
}

async function openAll(context: BrowserContext, sales: string[]): Promise<SalePage[]> {
  const pages: SalePage[] = [];
  for (const sale of sales) pages.push(await open(context, sale));
  return pages;
}

const sameSale = (sale: string) => Array.from({ length: WINDOWS }, () => sale);

/** The server's own count of those who listen to any sale. */
async function viewers(baseURL: string): Promise<number> {
  const metrics = await (await fetch(`${baseURL}/metrics`)).text();
  return Number(metrics.match(/^onsale_viewers(?:\{.*\})? (\d+)/m)?.[1] ?? 0);
}

async function makeSales(boxOffice: BoxOffice, count: number): Promise<string[]> {
  const sales: string[] = [];
  for (let made = 0; made < count; made += 1) sales.push(await boxOffice.makeSale({ tiers: [seated(1, 10)] }));
  return sales;
}

test.slow();

test("eight windows of one sale are all live by one stream, and see what is bought", async ({ context, boxOffice }) => {
  const [sale] = await makeSales(boxOffice, 1);
  const streams = new Streams(context);
  const pages = await openAll(context, sameSale(sale));
  for (const page of pages) await page.isLive();
  await expect.poll(() => streams.count).toBe(1);
  await boxOffice.buy(sale, { seat: "A-4" });
  for (const page of pages) await page.shows("A-4", "sold");
  for (const page of pages) await page.hasLeft(9);
  await expect.poll(() => streams.count).toBe(1);
});

test("when the window that has the stream is closed, left or stands still, another has it at once", async ({
  context,
  boxOffice,
}) => {
  const [sale] = await makeSales(boxOffice, 1);
  const streams = new Streams(context);
  const pages = await openAll(context, [sale, sale, sale, sale]);
  for (const page of pages) await page.isLive();
  const leader = () => pages.find(({ page }) => streams.owners().includes(page))!;
  const others = (gone: SalePage) => {
    pages.splice(pages.indexOf(gone), 1);
    return pages;
  };
  const takesOver = (gone: Page) =>
    expect
      .poll(() => streams.owners().filter((page) => page !== gone).length, { timeout: TAKES_OVER_WITHIN_MILLISECONDS })
      .toBe(1);

  const closed = leader();
  await closed.page.close();
  others(closed);
  await takesOver(closed.page);
  await boxOffice.buy(sale, { seat: "A-1" });
  for (const page of pages) await page.shows("A-1", "sold");

  const left = leader();
  await left.page.goto("/tickets");
  others(left);
  await takesOver(left.page);
  await boxOffice.buy(sale, { seat: "A-2" });
  for (const page of pages) await page.shows("A-2", "sold");

  const still = leader();
  const wakes = still.page.evaluate(() => {
    const until = performance.now() + 4_000;
    while (performance.now() < until);
  });
  others(still);
  await takesOver(still.page);
  await boxOffice.buy(sale, { seat: "A-3" });
  for (const page of pages) await page.shows("A-3", "sold");
  await wakes;
  // Awake again it follows like the others.
  await still.shows("A-3", "sold");
  await still.isLive();
  await expect.poll(() => streams.count).toBe(1);
});

test("what was bought before a window opened, and what the organiser says, reaches it without a stream of its own", async ({
  context,
  boxOffice,
}) => {
  const [sale] = await makeSales(boxOffice, 1);
  const streams = new Streams(context);
  const first = await open(context, sale);
  await first.isLive();
  const late = new SalePage(await context.newPage());
  let mayCome = () => {};
  const held = new Promise<void>((resolve) => (mayCome = resolve));
  await late.page.route(/\.wasm$/, async (route) => {
    await held;
    await route.continue();
  });
  await late.page.goto(`/sales/${sale}`, { waitUntil: "commit" });
  await expect(late.seat("A-5")).toBeAttached();
  await boxOffice.buy(sale, { seat: "A-5" });
  await boxOffice.change(sale, { message: "Doors at eight." });
  await first.shows("A-5", "sold");
  mayCome();
  await hydrated(late.page);
  await late.isLive();
  await late.shows("A-5", "sold");
  await expect(late.page.getByText("Doors at eight.")).toBeVisible();
  await boxOffice.reset(sale);
  await late.shows("A-5", "available");
  await expect.poll(() => streams.count).toBe(1);
});

test("of five sales three have a stream and two poll, and all see what is bought", async ({ context, boxOffice }) => {
  const sales = await makeSales(boxOffice, 5);
  const streams = new Streams(context);
  const pages = await openAll(context, sales);
  for (const [place, page] of pages.entries()) {
    await expect(page.connection).toHaveAttribute("data-state", place < MAX_STREAMS ? "live" : "polling");
  }
  await expect.poll(() => streams.count).toBe(MAX_STREAMS);
  for (const sale of sales) await boxOffice.buy(sale, { seat: "A-6" });
  for (const page of pages) await page.shows("A-6", "sold");
  // What polls hears of the organiser as well.
  await boxOffice.change(sales[4], { status: "paused" });
  await expect(pages[4].buy).toHaveText("Sale paused");

  await pages[0].page.close();
  await expect.poll(() => streams.count).toBe(MAX_STREAMS);
  await pages[1].isLive();
});

test("without locks each window has its own stream, and the fourth polls", async ({ context, boxOffice }) => {
  await context.addInitScript(() => {
    Object.defineProperty(Navigator.prototype, "locks", { value: undefined });
  });
  const [sale] = await makeSales(boxOffice, 1);
  const streams = new Streams(context);
  const pages = await openAll(context, [sale, sale, sale, sale]);
  for (const page of pages.slice(0, MAX_STREAMS)) await page.isLive();
  await expect(pages[3].connection).toHaveAttribute("data-state", "polling");
  await expect.poll(() => streams.count).toBe(MAX_STREAMS);
  await boxOffice.buy(sale, { seat: "A-7" });
  for (const page of pages) await page.shows("A-7", "sold");

  await pages[0].page.close();
  await pages[3].isLive();
});

test("a hidden window gives the stream to one in view", async ({ context, boxOffice, baseURL }) => {
  const [sale] = await makeSales(boxOffice, 1);
  const streams = new Streams(context);
  const [first, second] = await openAll(context, [sale, sale]);
  await first.isLive();
  await second.isLive();
  await expect.poll(() => streams.owners()).toEqual([first.page]);
  const show = (page: Page, isHidden: boolean) =>
    page.evaluate((isHidden) => {
      Object.defineProperty(document, "hidden", { configurable: true, value: isHidden });
      document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
    }, isHidden);
  await show(first.page, true);
  await expect.poll(() => streams.owners(), { timeout: TAKES_OVER_WITHIN_MILLISECONDS }).toEqual([second.page]);
  await boxOffice.buy(sale, { seat: "A-8" });
  // It costs nothing to go on hearing what the other passes on.
  await first.shows("A-8", "sold");
  await second.shows("A-8", "sold");
  await show(second.page, true);
  await expect.poll(() => streams.count).toBe(0);
  await boxOffice.buy(sale, { seat: "A-9" });
  await show(first.page, false);
  await first.shows("A-9", "sold", TAKES_OVER_WITHIN_MILLISECONDS);
  expect(await viewers(baseURL!)).toBeGreaterThan(0);
});

test("what one window buys is the visitor's own in the other", async ({ context, boxOffice, complaints }) => {
  const [sale] = await makeSales(boxOffice, 1);
  const [buying, other] = await openAll(context, [sale, sale]);
  await buying.isLive();
  await other.isLive();
  for (const page of [buying, other]) await page.pick("A-1");
  await other.pick("A-2");
  await buying.buy.click();
  await buying.shows("A-1", "mine");

  await other.shows("A-1", "mine");
  await expect(other.page.locator(".own-tickets")).toContainText("A-1");
  await expect(other.page.locator(".picked-seat")).toHaveText(/A-2/);
  await expect(other.seat("A-1")).not.toHaveAttribute("data-selected", "true");
  // Of what somebody else buys it is still said that it is gone.
  await boxOffice.buy(sale, { seat: "A-2" });
  await expect(other.toast("conflict")).toContainText("A-2 is taken");
  await expect(other.toast("conflict")).toHaveCount(1);
  await expect(other.page.locator(".picked-seat")).toHaveCount(0);
});

test("a window that hears nothing of the other asks before it says that somebody was faster", async ({
  context,
  boxOffice,
}) => {
  await context.addInitScript(() => {
    // Windows that cannot tell each other anything, as on two devices.
    Object.defineProperty(window, "BroadcastChannel", { value: undefined });
  });
  const [sale] = await makeSales(boxOffice, 1);
  const [buying, other] = await openAll(context, [sale, sale]);
  await buying.isLive();
  await other.isLive();
  for (const page of [buying, other]) await page.pick("A-1");
  await buying.buy.click();
  await other.shows("A-1", "mine");
  await expect(other.page.locator(".own-tickets")).toContainText("A-1");
  await expect(other.page.locator(".picked-seat")).toHaveCount(0);
  await expect(other.toast("conflict")).toHaveCount(0);
});
