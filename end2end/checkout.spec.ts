// From a choice that is held to its tickets, or to the reason why there are none.
import type { Page } from "@playwright/test";

import { admission, type NewSale, seated } from "./support/box-office";
import { CheckoutPage } from "./support/checkout-page";
import { HOLDS, PurchaseGate } from "./support/purchase-gate";
import { hydrated } from "./support/sale-page";
import { expect, test } from "./support/test";

/** Asks the REST API from within the page, as its own script would: with its session. Returns the status. */
const ask = (page: Page, method: string, path: string, body: unknown): Promise<number> =>
  page.evaluate(
    async ([method, path, body]) => {
      const headers = { "content-type": "application/json" };
      return (await fetch(path, { method, headers, body })).status;
    },
    [method, path, JSON.stringify(body)],
  );

/** Begins a press of the button that holds. Until it ends, the button keeps what it offers. */
const pressHold = (page: Page) => page.getByTestId("hold").dispatchEvent("pointerdown");
const endPress = (page: Page) => page.getByTestId("hold").evaluate((button: HTMLElement) => button.click());

const paid = (sale: Partial<NewSale> = {}): NewSale => ({
  checkout: "paid",
  contact: "none",
  tiers: [seated(2, 5), admission(10)],
  ...sale,
});

test("several seats are held together, paid, and become tickets", async ({ boxOffice, buyer, anotherBuyer }) => {
  const sale = await boxOffice.makeSale(paid());
  const other = await anotherBuyer();
  await other.open(sale);
  await buyer.open(sale);
  await buyer.pick("A-1");
  await buyer.pick("A-2");
  await expect(buyer.hold).toHaveText("Hold these 2 seats");
  await expect(buyer.buy).toHaveCount(0);
  await buyer.hold.click();

  const checkout = new CheckoutPage(buyer.page);
  await checkout.arrived();
  await expect(checkout.items).toHaveText([/Seat A-1/, /Seat A-2/]);
  await expect(buyer.page.getByTestId("total")).toHaveText("$70.00");
  expect(await checkout.seconds()).toBeGreaterThan(590);
  await expect.poll(() => checkout.seconds()).toBeLessThan(599);
  await other.shows("A-1", "held");

  await checkout.pay.click();
  await checkout.hasEnded("confirmed");
  await expect(buyer.toast("success")).toBeVisible();
  await expect(checkout.tickets).toHaveCount(2);
  await other.shows("A-1", "sold");
  // The same page again says the same.
  await buyer.page.reload();
  await expect(checkout.tickets).toHaveCount(2);
  expect(await boxOffice.audit(sale)).toMatchObject({ sold: 2, orders: 1, clean: true });
});

test("a declined payment is told, and what was held is on sale again", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale(paid());
  await buyer.open(sale);
  await buyer.tier("GA").click();
  await buyer.hold.click();
  const checkout = new CheckoutPage(buyer.page);
  await checkout.arrived();
  await checkout.payFail.click();
  await checkout.hasEnded("declined");
  await expect(checkout.ended).toContainText("You have paid nothing");
  await expect(buyer.page).toHaveTitle(/The payment was declined/);
  await buyer.page.getByRole("link", { name: "Choose again" }).click();
  await hydrated(buyer.page);
  await buyer.hasLeft(20);

  // The same choice is another intent now, and another hold.
  await buyer.tier("GA").click();
  await buyer.hold.click();
  await checkout.arrived();
  await expect(checkout.pay).toBeVisible();
});

test("what is not paid in time goes back, and the page says so", async ({ boxOffice, buyer, anotherBuyer }) => {
  const sale = await boxOffice.makeSale(paid({ hold_ttl_seconds: 4 }));
  const other = await anotherBuyer();
  await other.open(sale);
  await buyer.open(sale);
  await buyer.pick("A-3");
  await buyer.hold.click();
  const checkout = new CheckoutPage(buyer.page);
  await checkout.arrived();
  await other.shows("A-3", "held");
  await checkout.hasEnded("expired");
  await expect(checkout.ended).toContainText("The time is over");
  await expect(checkout.pay).toHaveCount(0);
  await other.shows("A-3", "available");
  await expect(buyer.page.getByRole("link", { name: "Choose again" })).toBeVisible();
});

test("a minute before the end more time is offered, and one key press takes it", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale(paid({ hold_ttl_seconds: 63, contact: "optional" }));
  await buyer.open(sale);
  await buyer.pick("A-1");
  await buyer.hold.click();
  const checkout = new CheckoutPage(buyer.page);
  await checkout.arrived();
  const email = buyer.page.getByLabel("E-mail");
  await email.fill("ada@example.org");
  const dialog = buyer.page.getByRole("dialog", { name: "One minute left" });
  await expect(dialog).toBeVisible();
  await expect(checkout.spoken).toHaveText("1 minute left.");
  await expect(buyer.page.getByTestId("stay")).toBeFocused();
  await buyer.page.keyboard.press("Enter");
  await expect(dialog).toBeHidden();
  await expect.poll(() => checkout.seconds()).toBeGreaterThan(110);
  await expect(email).toHaveValue("ada@example.org");
  await expect(email).toBeFocused();

  await checkout.extend.focus();
  await buyer.page.keyboard.press("Enter");
  await expect.poll(() => checkout.seconds()).toBeGreaterThan(170);
  await expect(checkout.extend).toBeFocused();
});

test("what can be extended no more says so", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale(paid({ hold_extensions: 1, hold_extension_seconds: 90 }));
  await buyer.open(sale);
  await buyer.pick("A-1");
  await buyer.hold.click();
  const checkout = new CheckoutPage(buyer.page);
  await checkout.arrived();
  await expect(checkout.extend).toHaveText("Add 90 seconds");
  await checkout.extend.click();
  await expect(checkout.extend).toHaveAttribute("aria-disabled", "true");
  await expect.poll(() => checkout.seconds()).toBeGreaterThan(680);
});

test("two who want the same seat get different ones, and the second is told", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale(paid());
  await buyer.open(sale);
  await buyer.pick("A-3");
  // The other's hold comes in the middle of the press.
  await pressHold(buyer.page);
  await boxOffice.hold(sale, { seats: ["A-3"] });
  await endPress(buyer.page);
  const checkout = new CheckoutPage(buyer.page);
  await checkout.arrived();
  await expect(buyer.page.getByTestId("substitute")).toBeVisible();
  await expect(checkout.items).toHaveText([/Seat A-[24] instead of A-3/]);
  await checkout.release.click();
  await checkout.hasEnded("released");
});

test("two browsers that go for overlapping seats never hold the same", async ({ boxOffice, buyer, anotherBuyer }) => {
  const sale = await boxOffice.makeSale(paid({ tiers: [seated(1, 4)] }));
  const other = await anotherBuyer();
  await Promise.all([buyer.open(sale), other.open(sale)]);
  const gates = await Promise.all([buyer, other].map(({ page }) => PurchaseGate.close(page, HOLDS)));
  for (const [one, seats] of [
    [buyer, ["A-1", "A-2"]],
    [other, ["A-2", "A-3"]],
  ] as const) {
    for (const seat of seats) await one.pick(seat);
  }
  await Promise.all([buyer.hold.click(), other.hold.click()]);
  // Both have asked before either has got anything.
  await Promise.all(gates.map((gate) => gate.arrival()));
  await Promise.all(gates.map((gate) => gate.release()));
  const [first, second] = [new CheckoutPage(buyer.page), new CheckoutPage(other.page)];
  await Promise.all([first.arrived(), second.arrived()]);
  const held = [...(await first.items.allTextContents()), ...(await second.items.allTextContents())];
  const seats = held.map((text) => /Seat (A-\d)/.exec(text)![1]);
  expect([...seats].sort()).toEqual(["A-1", "A-2", "A-3", "A-4"]);
  await Promise.all([first.pay.click(), second.pay.click()]);
  await Promise.all([first.hasEnded("confirmed"), second.hasEnded("confirmed")]);
  expect(await boxOffice.audit(sale)).toMatchObject({ sold: 4, orders: 2, clean: true });
});

test("one's own held seats are one's own on all tabs, with the way back to the checkout", async ({
  boxOffice,
  buyer,
  context,
}) => {
  const sale = await boxOffice.makeSale(paid());
  const { SalePage } = await import("./support/sale-page");
  const tab = new SalePage(await context.newPage());
  await tab.open(sale);
  await buyer.open(sale);
  await buyer.pick("B-2");
  await buyer.hold.click();
  const checkout = new CheckoutPage(buyer.page);
  await checkout.arrived();
  await tab.shows("B-2", "mine");
  const held = tab.page.getByTestId("own-hold");
  await expect(held).toContainText("1 held for you");
  await checkout.release.click();
  await checkout.hasEnded("released");
  await tab.shows("B-2", "available");
  await expect(held).toHaveCount(0);
});

test("a hold is its owner's alone", async ({ boxOffice, buyer, anotherBuyer, complaints }) => {
  complaints.expect(/404.*checkout/);
  const sale = await boxOffice.makeSale(paid());
  await buyer.open(sale);
  await buyer.pick("A-1");
  await buyer.hold.click();
  await new CheckoutPage(buyer.page).arrived();
  const other = await anotherBuyer();
  const answer = await other.page.goto(buyer.page.url());
  expect(answer?.status()).toBe(404);
  await expect(other.page.getByRole("heading", { name: "Nothing is on sale here" })).toBeVisible();
  expect((await other.page.goto("/checkout/none"))?.status()).toBe(404);
});

test("a contact that the sale asks for is asked for, and checked", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale(paid({ contact: "required" }));
  await buyer.open(sale);
  await buyer.pick("A-1");
  await buyer.hold.click();
  const checkout = new CheckoutPage(buyer.page);
  await checkout.arrived();
  await checkout.pay.click();
  await expect(buyer.page.getByLabel("E-mail")).toBeFocused();
  // An address that passes the browser's check and not the server's.
  await buyer.page.getByLabel("E-mail").fill("ada@.org");
  await buyer.page.locator(".pay-form").evaluate((form: HTMLFormElement) => (form.noValidate = true));
  await checkout.pay.click();
  await expect(buyer.toast("error")).toContainText("e-mail");
  await buyer.page.getByLabel("E-mail").fill("ada@example.org");
  await checkout.pay.click();
  await checkout.hasEnded("confirmed");
});

test("a second page that changes the hold is noticed before anything is paid", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale(paid());
  await buyer.open(sale);
  await buyer.pick("A-1");
  await buyer.hold.click();
  const checkout = new CheckoutPage(buyer.page);
  await checkout.arrived();
  const id = buyer.page.url().split("/").pop()!.split("?")[0];
  expect(await ask(buyer.page, "PUT", `/api/v1/holds/${id}`, { seats: ["A-4", "A-5"] })).toBe(200);
  await checkout.pay.click();
  await expect(buyer.toast("conflict")).toContainText("has changed");
  await expect(checkout.items).toHaveText([/A-4/, /A-5/]);
  await checkout.pay.click();
  await checkout.hasEnded("confirmed");
  await expect(checkout.tickets).toHaveCount(2);
});

test("a seat that one holds already on a stale page offers to change the hold", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale(paid());
  await buyer.open(sale);
  await buyer.pick("A-1");
  await buyer.pick("B-1");
  await pressHold(buyer.page);
  expect(await ask(buyer.page, "POST", `/api/v1/sales/${sale}/holds`, { seats: ["A-1"] })).toBe(201);
  await endPress(buyer.page);
  await buyer.page.getByTestId("change").click();
  const checkout = new CheckoutPage(buyer.page);
  await checkout.arrived();
  await expect(checkout.items).toHaveText([/A-1/, /B-1/]);
});
