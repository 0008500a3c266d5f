// The demo application of examples/otpgateway-demo, clicked through as a visitor does.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { demo } from "../../examples/otpgateway-demo/server.mjs";
import { complaintsOfAxe, desk, listen, longest, openPage, phone, screenshots, startBrowser, startServer } from "./harness.js";

let server, shop, browser;

before(async () => {
  server = await startServer();
  shop = await listen(demo({ url: server.origin, namespace: "dev", secret: "dev", provider: "inbox" }));
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  shop?.stop();
  server?.stop();
});

async function visit(options) {
  const opened = await openPage(browser, shop.origin, { origins: [server.origin], ...options });
  const asked = [];
  opened.page.on("request", (request) => request.url().startsWith(shop.origin) && request.method() === "POST" && asked.push(new URL(request.url()).pathname));
  return { ...opened, asked, frame: opened.page.frameLocator("#otpgateway-frame") };
}

const closed = (page) => page.locator("#otpgateway-modal-wrap").waitFor({ state: "detached" });
// Not awaited: with the page in the frame goes who would tell the browser's driver that the key arrived. What it does is waited for.
const enter = (where) => void where.press("Enter").catch(() => {});
const said = (page, text) => page.locator("#result").getByText(text).waitFor({ timeout: longest });

describe("the demo", { concurrency: 3 }, () => {
  for (const [scheme, viewport] of [["light", phone], ["dark", desk]]) {
    test(`the whole way in ${scheme}: modal, code, callback, the application asks for itself, and it is forgotten`, async () => {
      const to = `whole-${scheme}@example.com`;
      const { page, frame, asked, complaints, close } = await visit({ viewport, colorScheme: scheme });
      const reply = page.waitForResponse((response) => response.url().endsWith("/verify"));
      await page.fill("#to", to);
      await page.click("#ask button");
      const { namespace, id, ...rest } = await (await reply).json();
      assert.deepEqual([namespace, rest], ["dev", {}], "the browser learns the two names only");
      // The cursor is in the code already.
      await frame.locator("#otp:focus").waitFor();
      await page.locator("#otpgateway-frame-spinner").waitFor({ state: "detached" });
      await page.screenshot({ path: `${screenshots}demo-modal-${scheme}.png`, animations: "disabled" });
      assert.deepEqual(await complaintsOfAxe(page), []);
      assert.equal((await server.call("POST", `/api/otp/${id}/status`)).status, 400);
      await page.keyboard.type(await server.code(to));
      enter(page.keyboard);
      await closed(page);
      await said(page, `Verified: ${to}`);
      assert.deepEqual(asked, ["/verify", "/verified"]);
      await page.screenshot({ path: `${screenshots}demo-verified-${scheme}.png`, animations: "disabled" });
      assert.deepEqual(await complaintsOfAxe(page), []);
      assert.deepEqual(await server.call("POST", `/api/otp/${id}/status`), {
        status: 400,
        body: { status: "error", message: "the OTP does not exist" },
      });
      assert.deepEqual(complaints, []);
      await close();
    });
  }

  test("without an address the page asks for it, and the application learns which it was", async () => {
    const { page, frame, complaints, close } = await visit();
    await page.click("#ask button");
    await frame.locator("#to").fill("given@example.com");
    await page.screenshot({ path: `${screenshots}demo-address.png`, animations: "disabled" });
    enter(frame.locator("#to"));
    await frame.locator("#otp").fill(await frame.locator("#otp").waitFor().then(() => server.code("given@example.com")));
    enter(frame.locator("#otp"));
    await said(page, "Verified: given@example.com");
    assert.deepEqual(complaints, []);
    await close();
  });

  test("canceled, then done: two modals in a row, and nothing counts as verified in between", async () => {
    const { page, frame, asked, complaints, close } = await visit();
    await page.fill("#to", "twice@example.com");
    await page.click("#ask button");
    await frame.locator("#otp").waitFor();
    await page.mouse.click(20, 20);
    await closed(page);
    await said(page, "Not verified");
    assert.deepEqual(await page.evaluate(() => document.activeElement.textContent), "Verify");
    // The button has focus again.
    await page.keyboard.press("Enter");
    await frame.locator("#otp").fill("000000x");
    enter(frame.locator("#otp"));
    await frame.getByText("Incorrect OTP").waitFor();
    await frame.locator("#otp").fill(await server.code("twice@example.com"));
    enter(frame.locator("#otp"));
    await said(page, "Verified: twice@example.com");
    assert.deepEqual(asked, ["/verify", "/verify", "/verified"]);
    assert.deepEqual(complaints, []);
    await close();
  });

  test("a browser that only claims to be verified is not believed", async () => {
    const { page, frame, close } = await visit();
    await page.fill("#to", "liar@example.com");
    await page.click("#ask button");
    await frame.locator("#otp").waitFor();
    await page.evaluate(() => finished());
    await said(page, "OTP not verified.");
    await close();
  });
});
