// The page of a hold, with methods named after what a buyer sees and does.
import { expect, type Locator, type Page } from "@playwright/test";

import { hydrated } from "./sale-page";

export class CheckoutPage {
  readonly countdown: Locator;
  readonly extend: Locator;
  readonly release: Locator;
  readonly pay: Locator;
  readonly payFail: Locator;
  /** Leads to the payment provider's page. */
  readonly atProvider: Locator;
  readonly ended: Locator;
  readonly tickets: Locator;
  readonly items: Locator;
  readonly spoken: Locator;

  constructor(readonly page: Page) {
    this.countdown = page.getByTestId("countdown");
    this.extend = page.getByTestId("extend");
    this.release = page.getByTestId("release");
    this.pay = page.getByTestId("pay");
    this.payFail = page.getByTestId("pay-fail");
    this.atProvider = page.getByTestId("checkout");
    this.ended = page.getByTestId("ended");
    this.tickets = page.locator(".ticket");
    this.items = page.locator(".held-item");
    this.spoken = page.getByTestId("spoken");
  }

  /** Waits until a press of *Hold* has led here. */
  async arrived(): Promise<void> {
    await this.page.waitForURL(/\/checkout\//);
    await hydrated(this.page);
  }

  /** The seconds that the countdown shows. */
  async seconds(): Promise<number> {
    const text = (await this.countdown.textContent()) ?? "";
    const [first, second] = text.split(":").map((part) => Number.parseInt(part, 10));
    return second === undefined ? first : first * 60 + second;
  }

  async hasEnded(how: "confirmed" | "declined" | "released" | "expired"): Promise<void> {
    await expect(this.ended).toHaveAttribute("data-ending", how);
  }
}
