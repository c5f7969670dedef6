// The pages in general: useful before the script runs, unchanged when it takes over, and up to date when they are
// opened again.
import { admission, seated } from "./support/box-office";
import { hydrated } from "./support/sale-page";
import { expect, test } from "./support/test";

for (const path of ["/", "/sales/theatre", "/sales/golden-ticket", "/simulator", "/tickets"]) {
  test(`${path} hydrates without changing what the server rendered`, async ({ page, request }) => {
    const answer = await request.get(path);
    expect(answer.status()).toBe(200);
    await page.addInitScript(() => {
      addEventListener("DOMContentLoaded", () => {
        // If hydration replaced these elements by new ones, the page would flash.
        const main = document.querySelector("main");
        Object.assign(window, { renderedMain: main, renderedHeading: main?.querySelector("h1") });
      });
    });
    await page.goto(path);
    await hydrated(page);
    const isSame = await page.evaluate(() => {
      const { renderedMain, renderedHeading } = window as unknown as Record<string, Element | null>;
      return renderedMain === document.querySelector("main") && renderedHeading === document.querySelector("main h1");
    });
    expect(isSame).toBe(true);
  });
}

test("the page is useful before its script has come", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [seated(2, 5)] });
  await boxOffice.buy(sale, { seat: "A-2" });
  let bringScript = () => {};
  const scriptMayCome = new Promise<void>((resolve) => (bringScript = resolve));
  await buyer.page.route("**/*.wasm", async (route) => {
    await scriptMayCome;
    await route.continue();
  });
  await buyer.page.goto(`/sales/${sale}`, { waitUntil: "domcontentloaded" });
  await expect(buyer.seats("available")).toHaveCount(9);
  await buyer.shows("A-2", "sold");
  await expect(buyer.available).toHaveText("9");
  await expect(buyer.buy).toBeEnabled();
  await expect(buyer.page.locator("html")).not.toHaveAttribute("data-hydrated", "true");

  bringScript();
  await hydrated(buyer.page);
  await buyer.pick("A-1");
});

test("a press of the button before the script has come buys through the form", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [admission(5)] });
  await buyer.page.route("**/*.wasm", () => {});
  await buyer.page.goto(`/sales/${sale}`, { waitUntil: "domcontentloaded" });
  await buyer.buy.click();
  await expect(buyer.page).toHaveURL(/outcome=won/);
  await expect(buyer.toast("success")).toBeVisible();
  expect(await boxOffice.audit(sale)).toMatchObject({ sold: 1, clean: true });
});

test("two tabs of one browser are one buyer", async ({ boxOffice, buyer, context }) => {
  const sale = await boxOffice.makeSale({ tiers: [seated(1, 5)] });
  const secondTab = new (buyer.constructor as new (page: typeof buyer.page) => typeof buyer)(await context.newPage());
  await buyer.open(sale);
  await secondTab.open(sale);
  await buyer.page.bringToFront();
  await buyer.pick("A-5");
  await buyer.buy.click();
  await buyer.shows("A-5", "mine");

  await secondTab.page.bringToFront();
  await expect(secondTab.seat("A-5")).not.toHaveAttribute("data-status", "available");
  await secondTab.reload();
  await secondTab.shows("A-5", "mine");
  await secondTab.hasLeft(4);
});

test("the page of tickets lists each order with its code, and not another buyer's", async ({
  boxOffice,
  buyer,
  anotherBuyer,
}) => {
  const sale = await boxOffice.makeSale({ tiers: [seated(1, 5)] });
  await buyer.open(sale);
  await buyer.pick("A-1");
  await buyer.buy.click();
  await expect(buyer.toast("success")).toBeVisible();
  const code = (await buyer.page.locator(".ticket-code").textContent())!;
  expect(code.replaceAll(" ", "")).not.toBe("");

  await buyer.page.getByRole("link", { name: "All my tickets" }).click();
  await expect(buyer.page).toHaveURL(/\/tickets$/);
  await expect(buyer.page.locator(".ticket")).toHaveCount(1);
  await expect(buyer.page.locator(".ticket")).toContainText("A-1");
  await expect(buyer.page.locator(".ticket-code")).toHaveText(code);
  await buyer.page.reload();
  await expect(buyer.page.locator(".ticket-code")).toHaveText(code);

  const other = await anotherBuyer();
  await other.page.goto("/tickets");
  await hydrated(other.page);
  await expect(other.page.getByText("You have no tickets yet.")).toBeVisible();
});

test("pages follow each other by links and by the way back, and each comes to life", async ({ page }) => {
  await page.goto("/");
  await hydrated(page);
  await page.getByRole("link", { name: "Theatre" }).click();
  await expect(page.getByTestId("connection")).toHaveAttribute("data-state", "live");
  await page.goBack();
  await page.getByRole("link", { name: "Club Night" }).click();
  await expect(page.getByTestId("connection")).toHaveAttribute("data-state", "live");
  await expect(page.getByTestId("seat").and(page.locator("[data-seat]"))).toHaveCount(100);
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Simulator" }).click();
  await expect(page.getByTestId("simulate")).toBeEnabled();
  await hydrated(page);
});

test("an address that leads nowhere is answered 404 with a page", async ({ page, complaints }) => {
  complaints.expect(/404/);
  for (const path of ["/no-such-page", "/sales/no-such-sale"]) {
    const answer = await page.goto(path);
    expect(answer!.status()).toBe(404);
    await expect(page.getByRole("heading", { name: "Nothing is on sale here" })).toBeVisible();
    await hydrated(page);
  }
  await page.getByRole("link", { name: "See all sales" }).click();
  await expect(page.getByRole("heading", { name: "On sale now, live" })).toBeVisible();
});

test("the home page's figures follow what is bought", async ({ page, boxOffice }) => {
  const sale = await boxOffice.makeSale({ tiers: [admission(7)] });
  await page.goto("/");
  await hydrated(page);
  const card = page.locator(".card", { has: page.locator(`a[href="/sales/${sale}"]`) });
  await expect(card).toContainText("7 of 7 left");
  await boxOffice.buy(sale, { tier: "ga", quantity: 3 });
  await expect(card).toContainText("4 of 7 left");
});
