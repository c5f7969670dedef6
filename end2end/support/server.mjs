// Starts and stops a release server as its own process, on a free port and with a new database. Used by the specs that
// break a server on purpose, and by the script that takes the pictures of the documentation.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The Bearer token of the organiser, on every server that the tests start. */
export const ADMIN_TOKEN = "end-to-end-tests";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");
export const PROGRAM = join(ROOT, "target/release/onsale");
const READY_WITHIN_MILLISECONDS = 20_000;

/** A port on which nobody listened a moment ago. */
export async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
}

/** One server, which can be killed and started again at the same address with the same database. */
export class Server {
  /** @returns {Promise<Server>} a server with a port and a folder; `start` starts it. */
  static async prepare() {
    return new Server(await freePort(), await mkdtemp(join(tmpdir(), "onsale-end2end-")));
  }

  /**
   * @param {number} port
   * @param {string} folder for the database
   */
  constructor(port, folder) {
    this.folder = folder;
    this.address = `http://127.0.0.1:${port}`;
    this.process = undefined;
  }

  /**
   * Returns once the server answers.
   * @param {Record<string, string>} environment further environment variables
   */
  async start(environment = {}) {
    const database = `sqlite:${join(this.folder, "onsale.db")}`;
    const options = ["serve", "--demo", "--addr", this.address.replace("http://", ""), "--database", database];
    this.process = spawn(PROGRAM, options, {
      cwd: ROOT,
      env: { ...process.env, ONSALE_ADMIN_TOKEN: ADMIN_TOKEN, ONSALE_LOG: "warn", ...environment },
      stdio: ["ignore", "ignore", "inherit"],
    });
    const deadline = Date.now() + READY_WITHIN_MILLISECONDS;
    while (!(await this.#isReady())) {
      if (this.process.exitCode !== null) throw new Error(`the server ended with ${this.process.exitCode}`);
      if (Date.now() > deadline) throw new Error("the server does not become ready");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async #isReady() {
    try {
      return (await fetch(`${this.address}/readyz`)).ok;
    } catch {
      return false;
    }
  }

  /**
   * Ends the process and waits for its end.
   * @param {NodeJS.Signals} signal SIGKILL for a crash
   */
  async stop(signal = "SIGTERM") {
    const running = this.process;
    this.process = undefined;
    if (!running || running.exitCode !== null) return;
    const ended = once(running, "exit");
    running.kill(signal);
    await ended;
  }

  /** Kills the server and deletes its folder. */
  async remove() {
    await this.stop("SIGKILL");
    await rm(this.folder, { recursive: true, force: true });
  }
}
