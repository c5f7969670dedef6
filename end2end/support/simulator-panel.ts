// The simulator as a visitor uses it.
import { expect, type Locator, type Page } from "@playwright/test";

export type Result =
  | "won"
  | "refused"
  | "errors"
  | "duration"
  | "throughput"
  | "p99"
  | "winner"
  | "phantoms"
  | "leaks";

export interface Run {
  engine: "browser" | "server";
  buyers: number;
  concurrency: number;
  /** Seconds over which the buyers arrive, one of the choices; at once where it is left out. */
  arriveOver?: 0 | 8 | 30 | 120;
  target?: string;
  sale?: string;
}

export class SimulatorPanel {
  readonly panel: Locator;
  readonly start: Locator;
  readonly progress: Locator;

  constructor(readonly page: Page) {
    this.panel = page.getByTestId("simulator");
    this.start = page.getByTestId("simulate");
    this.progress = this.panel.getByRole("progressbar");
  }

  field(name: string): Locator {
    return this.panel.locator(`[name="${name}"]`);
  }

  async fill({ engine, buyers, concurrency, arriveOver = 0, target = "any", sale }: Run): Promise<void> {
    if (sale) await this.field("sale").selectOption(sale);
    await this.field("engine").selectOption(engine);
    await this.field("buyers").fill(String(buyers));
    await this.field("concurrency").fill(String(concurrency));
    await this.field("arrive_over").selectOption(String(arriveOver));
    await this.field("target").fill(target);
  }

  async run(run: Run): Promise<void> {
    await this.fill(run);
    await this.start.click();
  }

  result(name: Result): Locator {
    return this.page.getByTestId(`result-${name}`);
  }

  /** Waits until a result shows a number, and returns it. */
  async number(name: Result): Promise<number> {
    await expect(this.result(name)).toHaveText(/^\d+$/);
    return Number(await this.result(name).textContent());
  }

  /** Records, from now on, every value of the progress bar, and how many seats of the map are sold at that moment. */
  async watchProgress(): Promise<void> {
    await this.page.evaluate(() => {
      const seen: { answered: number; sold: number }[] = [];
      Object.assign(window, { seen });
      const look = () => {
        const bar = document.querySelector<HTMLProgressElement>('[data-testid="simulator"] progress');
        if (bar) seen.push({ answered: bar.value, sold: document.querySelectorAll('[data-seat][data-status="sold"]').length });
        requestAnimationFrame(look);
      };
      look();
    });
  }

  seenProgress(): Promise<{ answered: number; sold: number }[]> {
    return this.page.evaluate(() => (window as unknown as { seen: { answered: number; sold: number }[] }).seen);
  }
}
