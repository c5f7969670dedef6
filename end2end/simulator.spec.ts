// The simulator, with buyers sent by the browser and by the server.
import { readFile } from "node:fs/promises";

import { admission, seated } from "./support/box-office";
import { hydrated } from "./support/sale-page";
import { SimulatorPanel } from "./support/simulator-panel";
import { expect, test } from "./support/test";

const RUN_ENDS_WITHIN = { timeout: 25_000 };

for (const engine of ["browser", "server"] as const) {
  test(`300 buyers sent by the ${engine} buy 100 units exactly, and the figures agree`, async ({ boxOffice, buyer }) => {
    const sale = await boxOffice.makeSale({ rehearsal: true, tiers: [seated(5, 10), admission(50)] });
    await buyer.open(sale);
    const simulator = new SimulatorPanel(buyer.page);
    await simulator.run({ engine, buyers: 300, concurrency: 60 });

    await expect(simulator.result("won")).toHaveText("100", RUN_ENDS_WITHIN);
    await expect(simulator.result("refused")).toHaveText("200");
    await expect(simulator.result("errors")).toHaveText("0");
    await expect(simulator.result("phantoms")).toHaveText("0");
    await expect(simulator.result("leaks")).toHaveText("0");
    for (const figure of ["duration", "throughput", "p99"] as const) {
      expect(await simulator.number(figure), figure).toBeGreaterThan(0);
    }
    await expect(buyer.seats("sold")).toHaveCount(50);
    await buyer.hasLeft(0);
    expect(await boxOffice.audit(sale)).toMatchObject({ sold: 100, orders: 100, phantoms: 0, leaks: 0, clean: true });
  });

  test(`one seat has one winner among 50 buyers sent by the ${engine}`, async ({ boxOffice, buyer }) => {
    const sale = await boxOffice.makeSale({ rehearsal: true, tiers: [seated(2, 5)] });
    await buyer.open(sale);
    const simulator = new SimulatorPanel(buyer.page);
    await simulator.run({ engine, buyers: 50, concurrency: 50, target: "seat:A-3" });

    await expect(simulator.result("won")).toHaveText("1", RUN_ENDS_WITHIN);
    await expect(simulator.result("refused")).toHaveText("49");
    await expect(simulator.result("winner")).toHaveText(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-/);
    await buyer.shows("A-3", "sold");
    await buyer.hasLeft(9);
  });

  test(`a run of the ${engine} is cancelled in the middle, and what was sold stays exact`, async ({ boxOffice, buyer }) => {
    const sale = await boxOffice.makeSale({ rehearsal: true, tiers: [admission(20_000)] });
    await buyer.open(sale);
    const simulator = new SimulatorPanel(buyer.page);
    await simulator.run({ engine, buyers: 10_000, concurrency: 1 });
    await expect.poll(() => simulator.progress.evaluate((bar: HTMLProgressElement) => bar.value)).toBeGreaterThan(0);
    await simulator.panel.getByRole("button", { name: "Cancel" }).click();

    const won = await simulator.number("won");
    expect(won).toBeGreaterThan(0);
    expect(won).toBeLessThan(10_000);
    await expect(simulator.result("errors")).toHaveText("0");
    await expect(simulator.result("leaks")).toHaveText("0");
    await buyer.hasLeft(20_000 - won);
    await expect(simulator.start).toBeEnabled();
  });
}

for (const engine of ["server", "browser"] as const) {
  test(`by default buyers of the ${engine} arrive over eight seconds, and seats turn one after another`, async ({
    boxOffice,
    buyer,
  }) => {
    const sale = await boxOffice.makeSale({ rehearsal: true, tiers: [seated(10, 20)] });
    await buyer.open(sale);
    const simulator = new SimulatorPanel(buyer.page);
    await expect(simulator.field("arrive_over")).toHaveValue("8");
    await simulator.field("engine").selectOption(engine);
    await simulator.field("buyers").fill("200");
    await simulator.start.click();
    const begun = Date.now();
    await buyer.page.waitForTimeout(4_000);
    const sold = await buyer.seats("sold").count();
    expect(sold, "some seats have turned, and others have not").toBeGreaterThan(20);
    expect(sold).toBeLessThan(180);
    await expect(simulator.panel.getByText(/^\d+ of 200 answered$/)).toBeVisible();
    // What is left is told beside the progress as well.
    await expect(simulator.panel.getByTestId("simulator-available")).not.toHaveText(/^(200|0|…)$/);

    await expect(simulator.result("won")).toHaveText("200", RUN_ENDS_WITHIN);
    expect(Date.now() - begun, "as long as planned").toBeGreaterThan(7_500);
    await expect(simulator.result("errors")).toHaveText("0");
    await expect(simulator.panel.getByText("25 a second").first()).toBeVisible();
    await expect(simulator.panel.getByText("Latency counts from the planned moment of arrival.")).toBeVisible();
    await expect(simulator.panel.locator(".chart .chart-drawing svg").first()).toBeVisible();
    await expect(simulator.panel.locator(".chart-absent")).toHaveCount(0);
    await expect(buyer.seats("sold")).toHaveCount(200);
  });

  test(`a run of the ${engine} at a slow rate is cancelled at once`, async ({ boxOffice, buyer }) => {
    const sale = await boxOffice.makeSale({ rehearsal: true, tiers: [admission(500)] });
    await buyer.open(sale);
    const simulator = new SimulatorPanel(buyer.page);
    await simulator.run({ engine, buyers: 240, concurrency: 20, arriveOver: 120 });
    await expect.poll(() => simulator.progress.evaluate((bar: HTMLProgressElement) => bar.value)).toBeGreaterThan(0);
    const cancelled = Date.now();
    await simulator.panel.getByRole("button", { name: "Cancel" }).click();
    const won = await simulator.number("won");
    expect(Date.now() - cancelled).toBeLessThan(8_000);
    expect(won).toBeLessThan(240);
    await buyer.hasLeft(500 - won);
  });
}

test("at once is quick", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ rehearsal: true, tiers: [admission(50)] });
  await buyer.open(sale);
  const simulator = new SimulatorPanel(buyer.page);
  await simulator.run({ engine: "server", buyers: 50, concurrency: 50, arriveOver: 0 });
  await expect(simulator.result("won")).toHaveText("50");
  expect(await simulator.number("duration")).toBeLessThan(5_000);
  await expect(simulator.panel.getByText("Latency counts from the moment of sending.")).toBeVisible();
});

test("a proxy that swallows answers makes nobody buy twice, and what it cannot pass is told in a sentence", async ({
  boxOffice,
  buyer,
  complaints,
}) => {
  complaints.expect(/502/);
  const { page } = buyer;
  const sale = await boxOffice.makeSale({ rehearsal: true, tiers: [admission(30)] });
  await buyer.open(sale);
  const seen = new Set<string>();
  const badGateway = { status: 502, contentType: "text/html", body: "<html><h1>502 Bad Gateway</h1></html>" };
  await page.route("**/rpc/buy", async (route) => {
    const key = route.request().postData()!;
    const isFirst = !seen.has(key);
    seen.add(key);
    const response = await route.fetch();
    await route.fulfill(isFirst ? badGateway : { response });
  });
  const simulator = new SimulatorPanel(page);
  await simulator.run({ engine: "browser", buyers: 40, concurrency: 10 });
  await expect(simulator.result("won")).toHaveText("30", RUN_ENDS_WITHIN);
  await expect(simulator.result("refused")).toHaveText("10");
  await expect(simulator.result("errors")).toHaveText("0");
  expect(await boxOffice.audit(sale)).toMatchObject({ sold: 30, orders: 30, clean: true });

  await page.route("**/rpc/simulate", (route) => route.fulfill(badGateway));
  await simulator.run({ engine: "server", buyers: 5, concurrency: 5 });
  await expect(simulator.panel.locator("#simulator-trouble")).toHaveText(
    "A proxy answered in the server's place: it could not reach the server, or got no answer in time. Whether the run has begun is not known.",
  );
  await page.unroute("**/rpc/simulate");
  await page.unroute("**/rpc/buy");
  await page.route("**/rpc/buy", (route) => route.fulfill(badGateway));
  await simulator.run({ engine: "browser", buyers: 2, concurrency: 2 });
  await expect(simulator.result("errors")).toHaveText("2", RUN_ENDS_WITHIN);
  await expect(
    simulator.panel.getByText("Last error: A proxy answered 502 in the server's place: it got no valid answer from the server."),
  ).toBeVisible();
});

test("the simulator's own page shows what is left of the chosen sale, seat by seat", async ({ page, boxOffice }) => {
  const sale = await boxOffice.makeSale({ rehearsal: true, tiers: [seated(2, 10), admission(5)] });
  await page.goto("/simulator");
  await hydrated(page);
  const simulator = new SimulatorPanel(page);
  const left = page.getByTestId("simulator-available");
  await simulator.field("sale").selectOption(sale);
  await expect(left).toHaveText("25");
  await boxOffice.buy(sale, { seat: "A-2" });
  await expect(left).toHaveText("24");
  await expect(page.locator(".live-seats-sold")).toHaveAttribute("d", "M10 0l8 8m0-8l-8 8");
  await simulator.run({ engine: "server", buyers: 24, concurrency: 5, sale });
  await expect(left).toHaveText("0");
  await simulator.panel.getByRole("button", { name: "Reset the sale" }).click();
  await expect(left).toHaveText("25");
});

test("progress only grows, and seats turn on the map while the run goes on", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ rehearsal: true, tiers: [seated(10, 30)] });
  await buyer.open(sale);
  const simulator = new SimulatorPanel(buyer.page);
  await simulator.watchProgress();
  // Few buyers at once, so that the run is long enough for the progress to be seen many times.
  await simulator.run({ engine: "server", buyers: 1_500, concurrency: 2 });
  await expect(simulator.result("won")).toHaveText("300", RUN_ENDS_WITHIN);

  const seen = await simulator.seenProgress();
  const answered = seen.map((look) => look.answered);
  expect(answered).toEqual([...answered].sort((one, other) => one - other));
  expect(seen.some(({ sold }) => sold > 0)).toBe(true);
  await expect(buyer.seats("sold")).toHaveCount(300);
});

test("the rehearsal is attacked from the simulator's own page, reset with its button, and attacked again", async ({
  page,
  boxOffice,
}) => {
  await boxOffice.reset("rehearsal");
  await page.goto("/simulator");
  await hydrated(page);
  const simulator = new SimulatorPanel(page);
  await expect(simulator.field("sale")).toHaveValue("rehearsal");
  await simulator.run({ engine: "server", buyers: 500, concurrency: 100 });
  await expect(simulator.result("won")).toHaveText("200", RUN_ENDS_WITHIN);
  await expect(simulator.result("refused")).toHaveText("300");

  await simulator.panel.getByRole("button", { name: "Reset the sale" }).click();
  await expect(page.getByText("Rehearsal is reset: 200 units are available.")).toBeAttached();
  await simulator.run({ engine: "server", buyers: 150, concurrency: 50, target: "tier:ga" });
  await expect(simulator.result("won")).toHaveText("100", RUN_ENDS_WITHIN);
  await expect(simulator.result("refused")).toHaveText("50");
  await expect(page.locator(".simulator-comparison [data-strategy]")).toHaveCount(2);
});

test("ended runs are compared side by side and exported as JSON", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ rehearsal: true, tiers: [admission(30)] });
  await buyer.open(sale);
  const simulator = new SimulatorPanel(buyer.page);
  const rows = buyer.page.locator(".simulator-comparison [data-strategy]");
  await simulator.run({ engine: "server", buyers: 20, concurrency: 5 });
  await expect(rows).toHaveCount(1);
  await simulator.run({ engine: "browser", buyers: 20, concurrency: 5 });
  await expect(rows).toHaveCount(2);

  const downloads = buyer.page.waitForEvent("download");
  await buyer.page.getByRole("button", { name: "Export as JSON" }).click();
  const download = await downloads;
  expect(download.suggestedFilename()).toBe("onsale-comparison.json");
  const { runs } = JSON.parse(await readFile((await download.path())!, "utf8"));
  expect(runs.map(({ request, simulation }: any) => [request.engine, simulation.won, simulation.audit.clean])).toEqual([
    ["server", 20, true],
    ["browser", 10, true],
  ]);
});

test("numbers out of bounds are refused with a message, and nothing is sent", async ({ boxOffice, buyer }) => {
  const sale = await boxOffice.makeSale({ rehearsal: true, tiers: [admission(10)] });
  await buyer.open(sale);
  const simulator = new SimulatorPanel(buyer.page);
  for (const buyers of [0, 10_001]) {
    await simulator.run({ engine: "server", buyers, concurrency: 10 });
    await expect(simulator.panel.getByRole("alert")).toHaveText("Buyers: a whole number from 1 to 10000.");
  }
  await simulator.run({ engine: "server", buyers: 10, concurrency: 10, target: "seat:Z-99" });
  await expect(simulator.panel.getByRole("alert")).not.toHaveText("");
  await expect(simulator.start).toBeEnabled();
  await buyer.hasLeft(10);
});
