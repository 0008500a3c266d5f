// The inbox page of `watchword dev`, in a real browser: messages appear as they come, on a phone, in both colour schemes.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";

const program = process.env.WATCHWORD ?? new URL("../../target/debug/watchword", import.meta.url).pathname;
const screenshots = new URL("../../build/screenshots/", import.meta.url).pathname;
const phone = { width: 390, height: 844 };
const longest = 20_000;

let server, origin, browser;

before(async () => {
  mkdirSync(screenshots, { recursive: true });
  server = spawn(program, ["dev", "--listen", "127.0.0.1:0"], {
    env: { ...process.env, WATCHWORD_ADMIN__LISTEN: "127.0.0.1:0" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  origin = await new Promise((resolve, reject) => {
    let printed = "";
    server.stdout.on("data", (chunk) => {
      printed += chunk;
      const found = printed.match(/(http:\/\/127\.0\.0\.1:\d+)\/dev\/inbox/);
      if (found) resolve(found[1]);
    });
    server.on("exit", (code) => reject(new Error(`the server ended with ${code}:\n${printed}`)));
  });
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
});

after(async () => {
  await browser?.close();
  server?.kill("SIGTERM");
});

async function ask(id, fields) {
  const reply = await fetch(`${origin}/api/otp/${id}`, {
    method: "PUT",
    headers: { authorization: `Basic ${btoa("dev:dev")}` },
    body: new URLSearchParams({ provider: "inbox", ...fields }),
  });
  assert.equal(reply.status, 200);
  return (await reply.json()).data.otp;
}

async function open(colorScheme) {
  const context = await browser.newContext({ viewport: phone, deviceScaleFactor: 2, colorScheme });
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => request.url().startsWith(origin) || request.url().startsWith("data:") || complaints.push(`loads ${request.url()}`));
  await page.goto(`${origin}/dev/inbox`);
  return { page, complaints, close: () => context.close() };
}

for (const scheme of ["light", "dark"]) {
  test(`a message appears without reloading, newest first, in ${scheme}`, async () => {
    const { page, complaints, close } = await open(scheme);
    await page.locator('#state[data-state="live"]').waitFor({ timeout: longest });
    const loads = await page.evaluate(() => performance.getEntriesByType("navigation").length);
    const first = await ask(`first-${scheme}`, { to: "ann@example.com" });
    await page.getByText(first, { exact: true }).first().waitFor({ timeout: longest });
    const second = await ask(`second-${scheme}`, { to: "+44 20 7031 3000" });
    await page.getByText(second, { exact: true }).first().waitFor({ timeout: longest });
    const codes = await page.locator("#messages .code code").allTextContents();
    assert.deepEqual(codes.slice(0, 2), [second, first]);
    assert.equal(await page.evaluate(() => performance.getEntriesByType("navigation").length), loads);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= phone.width, `the page is ${width} wide on a phone of ${phone.width}`);
    await page.screenshot({ path: `${screenshots}inbox-${scheme}.png`, fullPage: true, animations: "disabled" });
    assert.deepEqual(complaints, []);
    await close();
  });
}

test("what a message says is text, never markup", async () => {
  const { page, complaints, close } = await open("light");
  const bad = '<img src=x onerror="document.title=1">';
  const code = await ask("markup-1", { to: bad, otp: "<b>123</b>" });
  await page.getByText(code, { exact: true }).first().waitFor({ timeout: longest });
  assert.equal(await page.locator("#messages img, #messages b").count(), 0);
  assert.equal(await page.title(), "Watchword inbox");
  assert.deepEqual(complaints, []);
  await close();
});

test("before the first message the page says how to get one", async () => {
  // Another server, for this one has messages by now.
  const fresh = spawn(program, ["dev", "--listen", "127.0.0.1:0"], { env: { ...process.env, WATCHWORD_ADMIN__LISTEN: "127.0.0.1:0" }, stdio: ["ignore", "pipe", "inherit"] });
  try {
    const url = await new Promise((resolve) => {
      let printed = "";
      fresh.stdout.on("data", (chunk) => {
        printed += chunk;
        const found = printed.match(/(http:\/\/127\.0\.0\.1:\d+\/dev\/inbox)/);
        if (found) resolve(found[1]);
      });
    });
    const page = await browser.newPage({ viewport: phone });
    await page.goto(url);
    await page.locator("#empty pre").waitFor({ timeout: longest });
    assert.match(await page.locator("#empty pre").textContent(), /curl -u dev:dev -X PUT/);
    await page.screenshot({ path: `${screenshots}inbox-empty.png` });
    await page.close();
  } finally {
    fresh.kill("SIGTERM");
  }
});
