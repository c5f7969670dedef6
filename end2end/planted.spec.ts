// Markup in a name that an organiser gives is shown as text everywhere, also in exported files.
import { readFile } from "node:fs/promises";

import type { Page } from "@playwright/test";

import { admission, seated } from "./support/box-office";
import { hydrated } from "./support/sale-page";
import { expect, test } from "./support/test";

const planted = (place: string) => `<img src=x onerror="window.planted='${place}'"> ${place}`;

/** Checks that the planted markup has not become an element and has not run. */
async function isHarmless(page: Page, where: string): Promise<void> {
  await expect(page.locator("img"), where).toHaveCount(0);
  expect(await page.evaluate(() => (window as any).planted), where).toBeUndefined();
}

test("what was planted in names is text on every page and in the export", async ({ boxOffice, buyer }) => {
  const { page } = buyer;
  const sale = await boxOffice.makeSale({
    name: planted("name"),
    rehearsal: true,
    tiers: [seated(1, 5, planted("seats")), admission(5, planted("admission"))],
  });
  await boxOffice.change(sale, { message: planted("message") });
  await buyer.open(sale);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(planted("name"));
  await expect(page).toHaveTitle(`${planted("name")} · Onsale`);
  await expect(page.getByText(planted("message"))).toBeVisible();
  for (const place of [".legend-name", ".band-name span", ".tier-name", ".stock tbody th"]) {
    await expect(page.locator(place).first()).toHaveText(planted("seats"));
  }
  await expect(buyer.seat("A-1")).toHaveAccessibleName(`A-1, ${planted("seats")}, $35.00, available`);
  await page.locator(".tier-option").nth(1).click();
  await page.locator("#card-add").click();
  await expect(page.locator("#card-1-buy")).toHaveText(`Buy 1 ${planted("admission")}`);
  await page.locator("#card-1-buy").click();
  await expect(page.locator("#card-1 .buyer-message")).toHaveText(`Got 1 ${planted("admission")}`);
  await buyer.buy.click();
  await expect(buyer.toast("success")).toContainText(planted("admission"));
  await buyer.pick("A-1");
  await expect(page.locator(".picked-seat")).toContainText(planted("seats"));
  await buyer.buy.click();
  await buyer.shows("A-1", "mine");
  await boxOffice.change(sale, { message: planted("another message") });
  await expect(page.getByText(planted("another message"))).toBeVisible();
  await isHarmless(page, "the sale's page");

  await page.locator('[name="buyers"]').fill("20");
  await page.locator('[name="arrive_over"]').selectOption("0");
  await page.getByTestId("simulate").click();
  await expect(page.getByTestId("result-won")).toHaveText(/\d/);
  const downloads = page.waitForEvent("download");
  await page.getByRole("button", { name: "Export as a page" }).click();
  const exported = await readFile((await (await downloads).path())!, "utf8");
  expect(exported).not.toContain("<img");
  await isHarmless(page, "the simulator");

  // Rehearsals stand on the last pages of the home page.
  await page.goto("/");
  while (!(await page.getByText(planted("name")).first().isVisible())) {
    await page.getByRole("link", { name: "More sales" }).click();
  }
  await hydrated(page);
  await isHarmless(page, "the home page");
  for (const path of ["/tickets", "/simulator"]) {
    await page.goto(path);
    await hydrated(page);
    await expect(page.getByText(planted("name")).first(), path).toBeAttached();
    await isHarmless(page, path);
  }
});
