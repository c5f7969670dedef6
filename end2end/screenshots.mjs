// Takes the pictures of the documentation: each screen wide and narrow, dark and light. They come from a new server
// with a new database. The purchases are the same every time, so that a picture changes only when the page does.
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { chromium } from "@playwright/test";

import { Server } from "./support/server.mjs";

const PICTURES = join(dirname(fileURLToPath(import.meta.url)), "../docs/screenshots");
const WIDTHS = [
  { width: 1280, height: 900, deviceScaleFactor: 1 },
  { width: 320, height: 693, deviceScaleFactor: 2 },
];
const SCHEMES = ["dark", "light"];
/** How long each purchase of a run is delayed, so that the run lasts long enough for a picture in the middle. */
const HELD_BACK_MILLISECONDS = 60;

const server = await Server.prepare();
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"],
});

try {
  await server.start();
  await mkdir(PICTURES, { recursive: true });
  await sellSome();
  for (const colorScheme of SCHEMES) {
    for (const { width, height, deviceScaleFactor } of WIDTHS) {
      const context = await browser.newContext({
        baseURL: server.address,
        viewport: { width, height },
        deviceScaleFactor,
        colorScheme,
        reducedMotion: "reduce",
      });
      context.setDefaultTimeout(90_000);
      const save = async (page, name) => {
        await page.evaluate(paintedOnce);
        await page.screenshot({ path: join(PICTURES, `${name}-${width}-${colorScheme}.png`) });
      };
      await home(context, save);
      await sale(context, save);
      await rehearsal(context, save);
      await simulator(context, save);
      await comparison(context, save);
      await context.close();
    }
  }
} finally {
  await browser.close();
  await server.remove();
}

/** Waits until parts that have just come into view, such as blocks of the map, are painted: one frame later. */
function paintedOnce() {
  return new Promise((painted) => requestAnimationFrame(() => setTimeout(painted, 100)));
}

async function ask(method, path, body) {
  const response = await fetch(server.address + path, {
    method,
    headers: { "content-type": "application/json" },
    body: body && JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}`);
  return response.json();
}

function buy(sale, wish) {
  return ask("POST", `/api/v1/sales/${sale}/buy`, wish);
}

/** Holds and pays as a new guest, who is known by the session that the first answer brings. */
async function holdAndPay(sale, seat) {
  const json = { "content-type": "application/json" };
  const send = (path, body, headers = {}) =>
    fetch(server.address + path, { method: "POST", headers: { ...json, ...headers }, body: JSON.stringify(body) });
  const held = await send(`/api/v1/sales/${sale}/holds`, { seats: [seat] });
  const { id } = await held.json();
  const authorization = `Bearer ${held.headers.get("x-onsale-session")}`;
  const payment = { method: "simulated", outcome: "succeed" };
  const paid = await send(`/api/v1/holds/${id}/confirm`, { payment }, { authorization });
  if (!paid.ok) throw new Error(`${seat}: ${paid.status}`);
}

/** Sells a good third of the theatre, more in front than in the back, some other tickets, and all of one night. */
async function sellSome() {
  const { seats } = await ask("GET", "/api/v1/sales/theatre/seats");
  for (const [position, { seat, tier }] of seats.entries()) {
    const wanted = { vip: 60, "front-row": 50, ga: 22 }[tier];
    if ((position * 7_919 + 13) % 101 < wanted) await holdAndPay("theatre", seat);
  }
  await buy("golden-ticket", { tier: "ga", quantity: 64 });
  await buy("club-night", { tier: "floor", quantity: 100 });
}

async function open(context, path) {
  const page = await context.newPage();
  await page.goto(path);
  await page.locator('html[data-hydrated="true"]').waitFor();
  return page;
}

async function home(context, save) {
  await ask("POST", "/api/v1/sales/rehearsal/reset");
  const page = await open(context, "/");
  await save(page, "home");
  await page.close();
}

/** The buyer's own seats, picked seats and other people's seats, side by side. */
async function sale(context, save) {
  const page = await open(context, "/sales/theatre");
  await page.locator('[data-testid="connection"][data-state="live"]').waitFor();
  const free = page.locator('[data-tier="1"] [data-seat][data-status="available"]');
  await free.nth(8).click();
  await page.getByTestId("hold").click();
  await page.getByTestId("pay").click();
  await page.locator('[data-testid="toast"][data-kind="success"]').waitFor();
  await page.goto("/sales/theatre");
  await page.locator('[data-testid="connection"][data-state="live"]').waitFor();
  for (const position of [10, 11]) await free.nth(position).click();
  await page.evaluate(() => scrollTo(0, 0));
  await save(page, "sale");
  await page.close();
}

/** The map in the middle of a simulation from this browser. */
async function rehearsal(context, save) {
  await ask("POST", "/api/v1/sales/rehearsal/reset");
  const page = await open(context, "/sales/rehearsal");
  await page.locator('[data-testid="connection"][data-state="live"]').waitFor();
  await page.route("**/rpc/buy", async (route) => {
    await new Promise((resolve) => setTimeout(resolve, HELD_BACK_MILLISECONDS));
    await route.continue();
  });
  await page.locator('[name="engine"]').selectOption("browser");
  await page.locator('[name="buyers"]').fill("300");
  await page.locator('[name="concurrency"]').fill("2");
  await page.getByTestId("simulate").click();
  await page.waitForFunction(() => document.querySelectorAll('[data-seat][data-status="sold"]').length >= 40);
  await page.evaluate(() => scrollTo(0, 0));
  await save(page, "rehearsal");
  // Purchases that are still delayed must not buy after the next reset.
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByTestId("result-won").waitFor();
  await page.close();
}

async function simulator(context, save) {
  await ask("POST", "/api/v1/sales/rehearsal/reset");
  const page = await open(context, "/simulator");
  await page.locator('[name="buyers"]').fill("5000");
  await page.getByTestId("simulate").click();
  await page.getByTestId("result-won").waitFor();
  await page.evaluate(() => scrollTo(0, 0));
  await save(page, "simulator");
  await page.close();
}

/** The comparison of all strategies, starting at the table. */
async function comparison(context, save) {
  const page = await open(context, "/simulator");
  await page.getByTestId("compare").click();
  await page.getByText("The comparison of 6 strategies has ended.").waitFor();
  await page.evaluate(() => document.querySelector(".simulator-comparison").scrollIntoView());
  await save(page, "comparison");
  await page.close();
}
