// What these tests stand on: the server as `watchword dev` runs it, a real browser, and an application's page to put the plugin in.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const program = process.env.WATCHWORD ?? new URL("../../target/debug/watchword", import.meta.url).pathname;

export const screenshots = new URL("../../build/screenshots/", import.meta.url).pathname;
export const phone = { width: 390, height: 844 };
export const desk = { width: 1100, height: 760 };
/** Longest wait for anything that should happen, in milliseconds. */
export const longest = 20_000;

mkdirSync(screenshots, { recursive: true });

/** Starts the server on a free port. `settings` are `WATCHWORD_…` variables. */
export async function startServer(settings = {}) {
  const server = spawn(program, ["dev", "--listen", "127.0.0.1:0"], {
    env: { ...process.env, WATCHWORD_ADMIN__LISTEN: "127.0.0.1:0", ...settings },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const origin = await new Promise((resolve, reject) => {
    let printed = "";
    server.stdout.on("data", (chunk) => {
      printed += chunk;
      const found = printed.match(/(http:\/\/127\.0\.0\.1:\d+)\/dev\/inbox/);
      if (found) resolve(found[1]);
    });
    server.on("error", reject);
    server.on("exit", (code) => reject(new Error(`the server ended with ${code}:\n${printed}`)));
  });
  return new Server(origin, () => server.kill("SIGTERM"));
}

class Server {
  constructor(origin, stop) {
    Object.assign(this, { origin, stop });
  }

  /** A call of the API as the namespace `dev`; its status and body. */
  async call(method, path, fields) {
    const headers = { authorization: `Basic ${btoa("dev:dev")}` };
    const reply = await fetch(this.origin + path, { method, headers, body: fields && new URLSearchParams(fields) });
    return { status: reply.status, body: await reply.json() };
  }

  /** Asks for a passcode; the OTP object. */
  async ask(id, fields) {
    const { status, body } = await this.call("PUT", `/api/otp/${encodeURIComponent(id)}`, { provider: "inbox", ...fields });
    assert.equal(status, 200, JSON.stringify(body));
    return body.data;
  }

  /** Where the person goes. */
  page(id, rest = "") {
    return `${this.origin}/otp/dev/${encodeURIComponent(id)}${rest}`;
  }

  /** The newest code that was sent to this address. */
  async code(to) {
    const reply = await fetch(`${this.origin}/dev/inbox/code?to=${encodeURIComponent(to)}`);
    assert.equal(reply.status, 200, `no message for ${to}`);
    return (await reply.text()).trim();
  }

  /** How many messages this verification had. */
  async messages(id) {
    const reply = await fetch(`${this.origin}/dev/inbox/messages?id=${encodeURIComponent(id)}`);
    return (await reply.json()).length;
  }
}

export function startBrowser(options = {}) {
  return chromium.launch({
    ...options,
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}

/** A page of its own, what it complained of, and what it loaded from anywhere but `origins`. */
export async function openPage(browser, url, { origins = [], ...options } = {}) {
  const context = await browser.newContext({ viewport: phone, locale: "en-GB", ...options });
  context.setDefaultTimeout(longest);
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  const allowed = [new URL(url).origin, ...origins];
  page.on("request", (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol !== "data:" && !allowed.includes(origin)) complaints.push(`loads ${request.url()}`);
  });
  await page.goto(url);
  return { page, complaints, close: () => context.close() };
}

/** Serves these replies by path on a free port, as an origin (and site) other than the server's: HTML, or `[text, its type]`. */
export async function startApplication(replies) {
  const application = createServer((request, response) => {
    const reply = replies[new URL(request.url, "http://x").pathname];
    const [text, type] = Array.isArray(reply) ? reply : [reply, "text/html"];
    response.writeHead(text === undefined ? 404 : 200, { "content-type": `${type}; charset=utf-8` }).end(text);
  });
  return listen(application);
}

/** Listens on a free port of this machine; the origin, and how to stop. */
export async function listen(server) {
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  // A browser takes `localhost` and 127.0.0.1 for two sites.
  const origin = `http://localhost:${server.address().port}`;
  return {
    origin,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe finds wrong with a page or a frame, one line each. Frames of other sites are looked at on their own. */
export async function complaintsOfAxe(frame) {
  await frame.evaluate(axe);
  const { violations } = await frame.evaluate(() => window.axe.run(document, { iframes: false, preload: false }));
  return violations.flatMap(({ id, help, nodes }) => nodes.map((node) => `${id}: ${help}: ${node.target.join(" ")}`));
}
