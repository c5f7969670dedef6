// What a browser complains about while a test runs. A complaint fails the test, unless the test expects it.
import { type BrowserContext, expect } from "@playwright/test";

export class Complaints {
  readonly #heard: string[] = [];
  readonly #expected: RegExp[] = [];

  /** Listens to every page of a context, present and future. */
  watch(context: BrowserContext, address: string): void {
    context.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) {
        this.#heard.push(`console ${message.type()}: ${message.text()} (${message.location().url})`);
      }
    });
    context.on("weberror", ({ error }) => this.#heard.push(`page error: ${error()}`));
    context.on("requestfailed", (request) => {
      const reason = request.failure()?.errorText;
      // When a page is left, the browser aborts the page's open requests. That is no fault.
      if (request.url().startsWith(address) && reason !== "net::ERR_ABORTED") {
        this.#heard.push(`request failed: ${reason} (${request.url()})`);
      }
    });
    context.on("response", (response) => {
      if (response.url().startsWith(address) && response.status() >= 400) {
        this.#heard.push(`answered ${response.status()} (${response.url()})`);
      }
    });
  }

  /** Says that the test provokes complaints of this kind. */
  expect(pattern: RegExp): void {
    this.#expected.push(pattern);
  }

  check(): void {
    const unexpected = this.#heard.filter((complaint) => !this.#expected.some((pattern) => pattern.test(complaint)));
    expect(unexpected, "the browser complained").toEqual([]);
  }
}
