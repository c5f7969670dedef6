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
