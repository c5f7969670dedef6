// The `test` function of every spec. It adds a box office to make sales with and further buyers, and it fails a test if
// a browser complains.
import { type Browser, type BrowserContextOptions, test as base } from "@playwright/test";

import { BoxOffice } from "./box-office";
import { Complaints } from "./complaints";
import { SalePage } from "./sale-page";
import { Server } from "./server.mjs";

interface Fixtures {
  complaints: Complaints;
  boxOffice: BoxOffice;
  /** The first buyer's page of a sale. */
  buyer: SalePage;
  /** Opens a separate browser context for one more buyer, with its own cookies and cache. */
  anotherBuyer: (options?: BrowserContextOptions) => Promise<SalePage>;
  /** A server of the test's own, which it may break. */
  ownServer: Server;
}

export const test = base.extend<Fixtures>({
  complaints: async ({}, use) => {
    const complaints = new Complaints();
    await use(complaints);
    complaints.check();
  },

  context: async ({ context, complaints, baseURL }, use) => {
    complaints.watch(context, baseURL!);
    await use(context);
  },

  boxOffice: async ({ baseURL }, use) => use(new BoxOffice(baseURL!)),

  buyer: async ({ page }, use) => use(new SalePage(page)),

  anotherBuyer: async ({ browser, complaints, baseURL, viewport }, use) => {
    const contexts: Awaited<ReturnType<Browser["newContext"]>>[] = [];
    await use(async (options = {}) => {
      const context = await browser.newContext({ baseURL, viewport, ...options });
      contexts.push(context);
      complaints.watch(context, baseURL!);
      return new SalePage(await context.newPage());
    });
    await Promise.all(contexts.map((context) => context.close()));
  },

  ownServer: async ({}, use) => {
    const server = await Server.prepare();
    await server.start();
    await use(server);
    await server.remove();
  },
});

export { expect } from "@playwright/test";
