// The pay page of the payment provider's stand-in: without script, on a narrow screen, in both colour schemes.
import { axeFindings, sidewaysOverflow } from "./support/looks";
import { Provider } from "./support/provider.mjs";
import { test as base, expect } from "./support/test";

const test = base.extend<{ provider: Provider }>({
  provider: async ({}, use) => {
    const provider = await Provider.start();
    await use(provider);
    await provider.stop();
  },
});

for (const colorScheme of ["dark", "light"] as const) {
  test.describe(colorScheme, () => {
    test.use({ colorScheme, viewport: { width: 320, height: 640 } });

    test(`the page fits 320 pixels, and axe finds nothing on it in ${colorScheme}`, async ({ page, provider }) => {
      await page.goto(await provider.makeSession("W".repeat(250)));
      await page.getByTestId("provider-decline").click();
      await expect(page.getByTestId("provider-failure")).toBeVisible();
      expect(await sidewaysOverflow(page)).toBe(0);
      expect(await axeFindings(page)).toEqual([]);
    });
  });
}

test.describe("without script", () => {
  test.use({ javaScriptEnabled: false });

  test("a declined buyer pays with another card and is sent back", async ({ page, provider }) => {
    await page.goto(await provider.makeSession("Stalls <b>A-1</b>"));
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("KWD\u00a021.000");
    await expect(page.getByText("Stalls <b>A-1</b>")).toBeVisible();
    await page.getByTestId("provider-decline").click();
    await expect(page.getByTestId("provider-failure")).toContainText("another card");
    const back = page.waitForRequest(/\?paid=cs_/);
    await page.getByTestId("provider-pay").click();
    await back;
  });

  test("a buyer may turn back", async ({ page, provider }) => {
    await page.goto(await provider.makeSession("Stalls"));
    const back = page.waitForRequest(/\?cancelled/);
    await page.getByTestId("provider-cancel").click();
    await back;
  });
});
