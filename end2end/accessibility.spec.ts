// axe checks each page in both colour schemes. It must find nothing serious.
import type { Page } from "@playwright/test";

import { admission, seated } from "./support/box-office";
import { axeFindings } from "./support/looks";
import { hydrated } from "./support/sale-page";
import { expect, test } from "./support/test";

async function seriousFindings(page: Page) {
  const findings = await axeFindings(page);
  return findings.filter(({ impact }) => impact === "serious" || impact === "critical").map(({ finding }) => finding);
}

for (const colorScheme of ["dark", "light"] as const) {
  test.describe(colorScheme, () => {
    test.use({ colorScheme });

    for (const path of ["/", "/sales/golden-ticket", "/simulator", "/tickets", "/no-such-page"]) {
      test(`axe finds nothing serious on ${path} in ${colorScheme}`, async ({ page, complaints }) => {
        complaints.expect(/404.*no-such-page/);
        await page.goto(path);
        await hydrated(page);
        expect(await seriousFindings(page)).toEqual([]);
      });
    }

    // One tier of each colour is enough. The hundreds of seats of a theatre would only repeat them.
    test(`axe finds nothing serious on a seat map in ${colorScheme}`, async ({ boxOffice, buyer }) => {
      const tiers = ["VIP", "Front", "Side", "Back"].map((name) => seated(1, 3, name));
      const sale = await boxOffice.makeSale({ tiers });
      await boxOffice.buy(sale, { seat: "101-A-1" });
      await boxOffice.buy(sale, { tier: "back", quantity: 3 });
      await buyer.open(sale);
      await buyer.pick("102-B-1");
      await buyer.page.locator(".legend-entry", { hasText: "Side" }).click();
      expect(await seriousFindings(buyer.page)).toEqual([]);
    });

    test(`axe finds nothing serious at a checkout and after it in ${colorScheme}`, async ({ boxOffice, buyer }) => {
      const tiers = [seated(1, 5), admission(5)];
      const sale = await boxOffice.makeSale({ checkout: "paid", contact: "required", hold_ttl_seconds: 63, tiers });
      await buyer.open(sale);
      await buyer.pick("A-1");
      await buyer.hold.click();
      await expect(buyer.page.getByRole("dialog")).toBeVisible();
      expect(await seriousFindings(buyer.page)).toEqual([]);
      await buyer.page.keyboard.press("Escape");
      expect(await seriousFindings(buyer.page)).toEqual([]);
      await buyer.page.goto(`/sales/${sale}`);
      await expect(buyer.page.getByTestId("own-hold")).toBeVisible();
      expect(await seriousFindings(buyer.page)).toEqual([]);
      await buyer.page.getByRole("link", { name: "Check out" }).click();
      await buyer.page.getByLabel("E-mail").fill("ada@example.org");
      await buyer.page.getByTestId("pay").click();
      await expect(buyer.toast("success")).toBeVisible();
      expect(await seriousFindings(buyer.page)).toEqual([]);
    });

    test(`axe finds nothing serious in a comparison of strategies in ${colorScheme}`, async ({ boxOffice, buyer }) => {
      const sale = await boxOffice.makeSale({ rehearsal: true, tiers: [admission(10)] });
      await buyer.open(sale);
      await buyer.page.locator('[name="buyers"]').fill("30");
      await buyer.page.getByTestId("compare").click();
      await expect(buyer.page.getByText("The comparison of 6 strategies has ended.")).toBeAttached();
      expect(await seriousFindings(buyer.page)).toEqual([]);
    });

    test(`axe finds nothing serious among messages, tickets, cards and results in ${colorScheme}`, async ({
      boxOffice,
      buyer,
    }) => {
      const sale = await boxOffice.makeSale({ rehearsal: true, tiers: [seated(1, 5), admission(5)] });
      await buyer.open(sale);
      await buyer.pick("A-1");
      await buyer.buy.click();
      await expect(buyer.toast("success")).toBeVisible();
      await buyer.pick("A-2");
      await boxOffice.buy(sale, { seat: "A-2" });
      await expect(buyer.toast("conflict")).toBeVisible();
      await buyer.pick("A-3");
      await buyer.page.locator("#card-add").click();
      await buyer.page.locator('[name="buyers"]').fill("3");
      await buyer.page.locator('[name="arrive_over"]').selectOption("0");
      await buyer.page.getByTestId("simulate").click();
      await expect(buyer.page.getByTestId("result-won")).toHaveText("3");
      expect(await seriousFindings(buyer.page)).toEqual([]);
    });
  });
}
