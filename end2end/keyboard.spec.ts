// Seats are picked and bought with the keyboard alone.
import { admission, seated } from "./support/box-office";
import type { SalePage } from "./support/sale-page";
import { expect, test } from "./support/test";

/** Two sections side by side (101 and 102), two rows of four each. */
const TWO_SECTIONS = { ...seated(2, 4), seats: { sections: 2, rows: 2, per_row: 4 } };

async function tabIntoGrid({ page, grid }: SalePage): Promise<void> {
  for (let presses = 0; presses < 40; presses += 1) {
    await page.keyboard.press("Tab");
    if ((await grid.locator(":focus").count()) === 1) return;
  }
  throw new Error("the grid cannot be reached with the Tab key");
}

test("the grid is one tab stop, and keys lead through its seats", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [TWO_SECTIONS] });
  await buyer.open(sale);
  await tabIntoGrid(buyer);
  await expect(buyer.grid.locator('[tabindex="0"]')).toHaveCount(1);

  const steps: [key: string, seat: string][] = [
    ["ArrowRight", "101-A-2"],
    ["ArrowDown", "101-B-2"],
    ["ArrowLeft", "101-B-1"],
    ["ArrowUp", "101-A-1"],
    ["End", "101-A-4"],
    ["ArrowRight", "102-A-1"],
    ["ArrowLeft", "101-A-4"],
    ["Home", "101-A-1"],
    ["PageDown", "102-A-1"],
    ["PageUp", "101-A-1"],
    ["Control+End", "102-B-4"],
    ["Control+Home", "101-A-1"],
  ];
  await expect(buyer.seat("101-A-1")).toBeFocused();
  for (const [key, seat] of steps) {
    await buyer.page.keyboard.press(key);
    await expect(buyer.seat(seat), `after ${key}`).toBeFocused();
  }

  // The next Tab leaves the grid, and Shift+Tab comes back to the same seat.
  await buyer.page.keyboard.press("ArrowDown");
  await buyer.page.keyboard.press("Tab");
  await expect(buyer.grid.locator(":focus")).toHaveCount(0);
  await buyer.page.keyboard.press("Shift+Tab");
  await expect(buyer.seat("101-B-1")).toBeFocused();
});

test("Space picks and gives back, and Enter on the button buys", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [TWO_SECTIONS] });
  await buyer.open(sale);
  await tabIntoGrid(buyer);
  await buyer.page.keyboard.press("ArrowRight");
  await buyer.page.keyboard.press("Space");
  await expect(buyer.seat("101-A-2")).toHaveAttribute("aria-selected", "true");
  await buyer.page.keyboard.press("Space");
  await expect(buyer.seat("101-A-2")).toHaveAttribute("aria-selected", "false");
  await buyer.page.keyboard.press("Enter");
  await expect(buyer.seat("101-A-2")).toHaveAttribute("data-selected", "true");

  for (let presses = 0; presses < 20 && !(await isFocused(buyer)); presses += 1) {
    await buyer.page.keyboard.press("Tab");
  }
  await expect(buyer.buy).toBeFocused();
  await buyer.page.keyboard.press("Enter");
  await buyer.shows("101-A-2", "mine");
  await expect(buyer.toast("success")).toBeVisible();
  await expect(buyer.buy).toBeFocused();
});

test("the focus stays on what was pressed, also where it cannot be pressed again", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [admission(2)] });
  await buyer.open(sale);
  const [more, addBuyer] = ["One more", "Add a buyer"].map((name) => buyer.page.getByRole("button", { name }));
  await more.press("Enter");
  await expect(more).toBeDisabled();
  await expect(more).toBeFocused();
  await buyer.buy.press("Enter");
  await expect(buyer.buy).toHaveText("Sold out");
  await expect(buyer.buy).toBeDisabled();
  await expect(buyer.buy).toBeFocused();
  await buyer.page.keyboard.press("Enter");
  expect(await boxOffice.audit(sale)).toMatchObject({ sold: 2, orders: 1, clean: true });
  for (let presses = 0; presses < 7; presses += 1) await addBuyer.press("Enter");
  await expect(buyer.page.locator(".buyer-card")).toHaveCount(6);
  await expect(addBuyer).toBeFocused();
});

test("the focus goes on when what has it is taken away", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ tiers: [TWO_SECTIONS] });
  await buyer.open(sale);
  await buyer.seat("101-A-2").click();
  await buyer.page.getByRole("button", { name: "Give 101-A-2 back" }).press("Enter");
  await expect(buyer.buy).toBeFocused();
  await buyer.seat("101-A-2").click();
  await buyer.buy.press("Enter");
  await expect(buyer.toast("success")).toBeVisible();
  await buyer.page.getByRole("button", { name: "Close this message" }).press("Enter");
  await expect(buyer.toast("success")).toHaveCount(0);
  await expect(buyer.buy).toBeFocused();
  const addBuyer = buyer.page.getByRole("button", { name: "Add a buyer" });
  await addBuyer.press("Enter");
  await buyer.page.getByRole("button", { name: /^Remove buyer/ }).last().press("Enter");
  await expect(addBuyer).toBeFocused();
});

const isFocused = ({ buy }: SalePage) => buy.evaluate((button) => button === document.activeElement);

test("the focus stays on its seat while others buy around it, and when its own seat goes", async ({
  boxOffice,
  buyer,
}) => {
  const sale = await boxOffice.makeSale({ tiers: [TWO_SECTIONS] });
  await buyer.open(sale);
  await tabIntoGrid(buyer);
  await buyer.page.keyboard.press("ArrowDown");
  for (const seat of ["101-A-1", "101-B-2", "102-B-4", "101-B-1"]) {
    await boxOffice.buy(sale, { seat });
    await buyer.shows(seat, "sold");
    await expect(buyer.seat("101-B-1")).toBeFocused();
  }
  // A sold seat cannot be picked, but the arrow keys still move on from it.
  await buyer.page.keyboard.press("Space");
  await expect(buyer.seat("101-B-1")).not.toHaveAttribute("data-selected", "true");
  await buyer.page.keyboard.press("ArrowUp");
  await expect(buyer.seat("101-A-1")).toBeFocused();
});
