// A server that is killed in the middle of a checkout. Each test starts its own server.
import { BoxOffice, seated } from "./support/box-office";
import { CheckoutPage } from "./support/checkout-page";
import { hydrated, SalePage } from "./support/sale-page";
import { expect, test } from "./support/test";

test.slow();

test("a checkout goes on after the server was killed, and a press meanwhile says that no answer came", async ({
  page,
  ownServer: server,
  complaints,
}) => {
  complaints.expect(/net::ERR_/);
  const boxOffice = new BoxOffice(server.address);
  const sale = await boxOffice.makeSale({ checkout: "paid", contact: "none", tiers: [seated(1, 5)] });
  await page.goto(`${server.address}/sales/${sale}`);
  await hydrated(page);
  const buyer = new SalePage(page);
  await buyer.isLive();
  await buyer.pick("A-1");
  await buyer.hold.click();
  const checkout = new CheckoutPage(page);
  await checkout.arrived();

  await server.stop("SIGKILL");
  await checkout.pay.click();
  await expect(buyer.toast("error")).toContainText("No answer");
  await server.start();
  await checkout.pay.click();
  await checkout.hasEnded("confirmed");
  await expect(checkout.tickets).toHaveCount(1);
  expect(await boxOffice.audit(sale)).toMatchObject({ sold: 1, orders: 1, clean: true });
});

test("an answer that was lost is asked for again under the same key", async ({ page, ownServer: server, complaints }) => {
  complaints.expect(/net::ERR_/);
  const boxOffice = new BoxOffice(server.address);
  const sale = await boxOffice.makeSale({ checkout: "paid", contact: "none", tiers: [seated(1, 5)] });
  await page.goto(`${server.address}/sales/${sale}`);
  await hydrated(page);
  const buyer = new SalePage(page);
  await buyer.isLive();
  await buyer.pick("A-2");
  await buyer.hold.click();
  const checkout = new CheckoutPage(page);
  await checkout.arrived();

  const keys: string[] = [];
  await page.route("**/rpc/confirm_hold", async (route) => {
    keys.push(route.request().postDataJSON().key);
    if (keys.length > 1) return route.continue();
    // The server decides, and its answer is lost.
    await route.fetch();
    await route.abort();
  });
  await checkout.pay.click();
  await checkout.hasEnded("confirmed");
  expect(keys.length).toBe(2);
  expect(new Set(keys).size).toBe(1);
  expect(await boxOffice.audit(sale)).toMatchObject({ sold: 1, orders: 1, clean: true });
});
