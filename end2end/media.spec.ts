// The page with forced colours, and on paper.
import type { Page } from "@playwright/test";

import { seated } from "./support/box-office";
import { expect, test } from "./support/test";

/** How a seat looks: the fill of its shape, and its outline. Two seats that look the same give the same text. */
const look = (page: Page, seat: string) =>
  page.locator(`[data-testid="seat"][data-seat="${seat}"]`).evaluate((cell) => {
    const { backgroundColor, backgroundImage, clipPath, borderRadius, outlineStyle, width } = getComputedStyle(cell, "::before");
    return [backgroundColor, backgroundImage, clipPath, borderRadius, outlineStyle, width].join(" | ");
  });

test("in forced colours each state of a seat is seen, and none like another", async ({ boxOffice, anotherBuyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [seated(1, 6)] });
  await boxOffice.buy(sale, { seat: "A-2" });
  const buyer = await anotherBuyer({ forcedColors: "active" });
  await buyer.open(sale);
  await buyer.pick("A-1");
  await buyer.buy.click();
  await buyer.shows("A-1", "mine");
  await buyer.pick("A-3");
  const looks = await Promise.all(["A-1", "A-2", "A-3", "A-4"].map((seat) => look(buyer.page, seat)));
  expect(new Set(looks).size, looks.join("\n")).toBe(4);
  const canvas = await buyer.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  for (const seen of looks) expect(seen.startsWith(canvas) && !seen.includes("gradient"), seen).toBe(false);
  // The legend beside the map uses the same shapes.
  await expect(buyer.page.locator(".map-key .seat")).toHaveCount(5);
});

test("a ticket prints black on white, without what can only be pressed", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [seated(1, 5)] });
  await buyer.page.emulateMedia({ colorScheme: "dark" });
  await buyer.open(sale);
  await buyer.pick("A-5");
  await buyer.buy.click();
  await expect(buyer.toast("success")).toBeVisible();
  await buyer.page.goto("/tickets");
  await buyer.page.emulateMedia({ media: "print", colorScheme: "dark" });
  const ticket = buyer.page.locator(".ticket");
  await expect(ticket).toHaveCSS("background-color", "rgb(255, 255, 255)");
  await expect(ticket).toHaveCSS("color", "rgb(0, 0, 0)");
  await expect(buyer.page.locator("html")).toHaveCSS("background-color", "rgb(255, 255, 255)");
  await expect(buyer.page.getByRole("navigation")).toHaveCount(0);
  await expect(buyer.page.locator("button:visible, .button:visible")).toHaveCount(0);
});
