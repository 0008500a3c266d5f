// The inbox page of `watchword dev`, in a real browser: messages appear as they come, on a phone, in both colour schemes.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { longest, openPage, phone, screenshots, startBrowser, startServer } from "./harness.js";

let server, browser;

before(async () => {
  server = await startServer();
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  server?.stop();
});

const ask = async (id, fields) => (await server.ask(id, fields)).otp;
const open = (colorScheme) => openPage(browser, `${server.origin}/dev/inbox`, { deviceScaleFactor: 2, colorScheme });

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
  const fresh = await startServer();
  const { page, complaints, close } = await openPage(browser, `${fresh.origin}/dev/inbox`);
  try {
    await page.locator("#empty pre").waitFor();
    assert.match(await page.locator("#empty pre").textContent(), /curl -u dev:dev -X PUT/);
    await page.screenshot({ path: `${screenshots}inbox-empty.png` });
    assert.deepEqual(complaints, []);
  } finally {
    await close();
    fresh.stop();
  }
});
