// One buyer's page of a sale, with methods named after what a user sees and does.
import { expect, type Locator, type Page } from "@playwright/test";

export type ToastKind = "success" | "waiting" | "conflict" | "sold-out" | "not-found" | "limit" | "error";
export type SeatStatus = "available" | "held" | "sold" | "mine";

/** Waits until the page is hydrated: its own script has taken over. */
export async function hydrated(page: Page): Promise<void> {
  await expect(page.locator('html[data-hydrated="true"]')).toBeAttached();
}

export class SalePage {
  readonly available: Locator;
  readonly buy: Locator;
  /** The same button in a sale that is paid. */
  readonly hold: Locator;
  readonly connection: Locator;
  readonly grid: Locator;

  constructor(readonly page: Page) {
    this.available = page.getByTestId("available");
    this.buy = page.getByTestId("buy");
    this.hold = page.getByTestId("hold");
    this.connection = page.getByTestId("connection");
    this.grid = page.getByRole("grid", { name: "Seat map" });
  }

  /** Opens the sale's page and waits until it is hydrated. */
  async open(sale: string): Promise<void> {
    await this.page.goto(`/sales/${sale}`);
    await hydrated(this.page);
    await this.isLive();
  }

  async reload(): Promise<void> {
    await this.page.reload();
    await hydrated(this.page);
    await this.isLive();
  }

  async isLive(): Promise<void> {
    await expect(this.connection).toHaveAttribute("data-state", "live");
  }

  seat(label: string): Locator {
    return this.page.locator(`[data-testid="seat"][data-seat="${label}"]`);
  }

  seats(status: SeatStatus): Locator {
    return this.page.locator(`[data-testid="seat"][data-seat][data-status="${status}"]`);
  }

  toast(kind: ToastKind): Locator {
    return this.page.locator(`[data-testid="toast"][data-kind="${kind}"]`);
  }

  tier(name: string): Locator {
    return this.page.locator(".tier-option", { hasText: name });
  }

  async pick(label: string): Promise<void> {
    await this.seat(label).click();
    await expect(this.seat(label)).toHaveAttribute("data-selected", "true");
  }

  /** Expects that the seat shows this status, at the latest after so long. */
  async shows(label: string, status: SeatStatus, withinMilliseconds?: number): Promise<void> {
    await expect(this.seat(label)).toHaveAttribute("data-status", status, { timeout: withinMilliseconds });
  }

  /** Expects that the counter shows this number, and that it is not tentative. */
  async hasLeft(count: number): Promise<void> {
    await expect(this.available).toHaveText(String(count));
    await expect(this.available).not.toHaveAttribute("data-tentative", "true");
  }
}
