// What a page looks like once everything it loads is there. A page that a press has led to shows its first elements
// before its stylesheet has come, and is then wide, and in the browser's own colours.
import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";

/** @returns by how many pixels the page is wider than its window. */
export async function sidewaysOverflow(page: Page): Promise<number> {
  await page.waitForLoadState();
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

/** @returns what axe finds on the page, with the rule's impact. */
export async function axeFindings(page: Page): Promise<{ impact: string; finding: string }[]> {
  await page.waitForLoadState();
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations.map(({ id, impact, nodes }) => ({
    impact: impact ?? "unknown",
    finding: `${id}: ${nodes.map((node) => node.target.join(" ")).join(", ")}`,
  }));
}
