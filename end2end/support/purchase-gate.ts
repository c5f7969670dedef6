// Holds back purchases or holds between the page and the server, so that a test decides when they go on.
import type { Page, Request, Route } from "@playwright/test";

/** Where the page sends its purchases. */
export const PURCHASES = "**/rpc/buy";
/** Where it sends what shall be held. */
export const HOLDS = "**/rpc/hold";

export class PurchaseGate {
  readonly #waiting: Route[] = [];
  #onArrival: (() => void)[] = [];

  static async close(page: Page, address = PURCHASES): Promise<PurchaseGate> {
    const gate = new PurchaseGate();
    await page.route(address, (route) => gate.#take(route));
    return gate;
  }

  #take(route: Route): void {
    this.#waiting.push(route);
    this.#onArrival.splice(0).forEach((notify) => notify());
  }

  /** Waits until one has been sent. */
  async arrival(): Promise<Request> {
    if (this.#waiting.length === 0) await new Promise<void>((resolve) => this.#onArrival.push(resolve));
    return this.#waiting[0].request();
  }

  /** Lets those that wait go on to the server. */
  async release(): Promise<void> {
    await Promise.all(this.#waiting.splice(0).map((route) => route.continue()));
  }
}
