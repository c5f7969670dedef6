// The payment provider's stand-in as a process of its own, on a free port.
import { spawn } from "node:child_process";
import { once } from "node:events";

import { freePort, PROGRAM } from "./server.mjs";

const KEY = "sk_test_end_to_end";

export class Provider {
  /** @returns {Promise<Provider>} a stand-in that answers. */
  static async start() {
    const port = await freePort();
    const options = ["provider", "--addr", `127.0.0.1:${port}`, "--key", KEY, "--secret", "whsec_end_to_end"];
    const env = { ...process.env, ONSALE_LOG: "warn" };
    const running = spawn(PROGRAM, options, { env, stdio: ["ignore", "pipe", "inherit"] });
    // It says where it is open as soon as it answers.
    await once(running.stdout, "data");
    return new Provider(`http://127.0.0.1:${port}`, running);
  }

  /**
   * @param {string} address
   * @param {import("node:child_process").ChildProcess} running
   */
  constructor(address, running) {
    this.address = address;
    this.process = running;
  }

  /**
   * Makes a checkout session whose buyer comes back to the stand-in's own address.
   * @param {string} name of what is paid for
   * @returns {Promise<string>} the address of its pay page
   */
  async makeSession(name) {
    const form = new URLSearchParams({
      mode: "payment",
      success_url: `${this.address}/favicon.ico?paid={CHECKOUT_SESSION_ID}`,
      cancel_url: `${this.address}/favicon.ico?cancelled`,
      client_reference_id: "01a1fa8b-5e00-7508-bfe3-b3a85113d46a",
      "line_items[0][quantity]": "2",
      "line_items[0][price_data][currency]": "kwd",
      "line_items[0][price_data][unit_amount]": "10500",
      "line_items[0][price_data][product_data][name]": name,
    });
    const headers = { authorization: `Bearer ${KEY}` };
    const response = await fetch(`${this.address}/v1/checkout/sessions`, { method: "POST", headers, body: form });
    if (!response.ok) throw new Error(`no session: ${response.status} ${await response.text()}`);
    return (await response.json()).url;
  }

  async stop() {
    const ended = once(this.process, "exit");
    this.process.kill("SIGTERM");
    await ended;
  }
}
