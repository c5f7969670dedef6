// What the organiser and other buyers do, over the REST API.
import { randomUUID } from "node:crypto";

import { ADMIN_TOKEN } from "./server.mjs";

export interface Tier {
  name: string;
  price: number;
  seats?: { sections: number; rows: number; per_row: number };
  quantity?: number;
  price_steps?: { sold_percent: number; price: number }[];
}

export interface NewSale {
  name?: string;
  tiers: Tier[];
  rehearsal?: boolean;
  strategy?: string;
  max_per_buyer?: number;
  opens_at?: string;
  checkout?: "instant" | "paid";
  contact?: "none" | "optional" | "required";
  hold_ttl_seconds?: number;
  hold_extension_seconds?: number;
  hold_extensions?: number;
}

export interface Hold {
  id: string;
  status: string;
  items: { tier: string; seat?: string; substitute?: string }[];
}

export interface Order {
  id: string;
  seq: number;
  tickets: { id: string; tier: string; seat?: string; code: string }[];
}

/** One tier of numbered seats in one section, with the labels `A-1`, `A-2`… */
export const seated = (rows: number, per_row: number, name = "Floor", price = 3_500): Tier => ({
  name,
  price,
  seats: { sections: 1, rows, per_row },
});

/** One tier of units without numbers. */
export const admission = (quantity: number, name = "GA", price = 2_500): Tier => ({ name, price, quantity });

export class BoxOffice {
  constructor(readonly address: string) {}

  /** Makes a sale that no other test uses, and that is open at once. Returns its id. */
  async makeSale(sale: NewSale): Promise<string> {
    const name = `Test ${randomUUID().slice(0, 8)}`;
    return (await this.#asOrganiser("POST", "/api/v1/sales", { name, ...sale })).id;
  }

  /** Buys as a new guest. Throws if the purchase is refused. */
  async buy(sale: string, wish: { seat: string } | { tier: string; quantity?: number }): Promise<Order> {
    return this.#send("POST", `/api/v1/sales/${sale}/buy`, wish);
  }

  /** Holds as a new guest. Throws if nothing is held. */
  async hold(sale: string, wish: { seats: string[] } | { items: { tier: string; quantity: number }[] }): Promise<Hold> {
    return this.#send("POST", `/api/v1/sales/${sale}/holds`, wish);
  }

  async reset(sale: string): Promise<void> {
    await this.#asOrganiser("POST", `/api/v1/sales/${sale}/reset`);
  }

  async change(sale: string, change: Record<string, unknown>): Promise<void> {
    await this.#asOrganiser("PATCH", `/api/v1/sales/${sale}`, change);
  }

  async audit(
    sale: string,
  ): Promise<{ strategy: string; sold: number; orders: number; phantoms: number; leaks: number; clean: boolean }> {
    return this.#send("GET", `/api/v1/sales/${sale}/audit`);
  }

  #asOrganiser(method: string, path: string, body?: unknown) {
    return this.#send(method, path, body, { authorization: `Bearer ${ADMIN_TOKEN}` });
  }

  async #send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
    const json = body === undefined ? {} : { "content-type": "application/json" };
    const response = await fetch(this.address + path, {
      method,
      headers: { ...json, ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`);
    return response.json();
  }
}
