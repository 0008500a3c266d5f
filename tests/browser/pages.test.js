// The pages people see, in a real browser: with a mouse, with a keyboard, with and without scripts, light and dark.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { complaintsOfAxe, longest, openPage, phone, screenshots, startApplication, startBrowser, startServer } from "./harness.js";

let server, patient, browser;

before(async () => {
  // A wait before a resend that a test can see the end of, and as many pages as tests ask for.
  server = await startServer({ WATCHWORD_PAGES__RESEND_COOL_DOWN: "1s", WATCHWORD_PAGES__REQUESTS_PER_MINUTE: "0" });
  // One as it comes.
  patient = await startServer();
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  server?.stop();
  patient?.stop();
});

let last = 0;
/** Asks for a code under a fresh id, and opens its page. */
async function open({ ask = {}, rest = "", ...options } = {}) {
  const id = `page-${(last += 1)}`;
  const to = ask.to === undefined ? `${id}@example.com` : ask.to;
  const otp = await server.ask(id, { ...ask, to });
  const opened = await openPage(browser, server.page(id, rest.replace("{code}", otp.otp)), options);
  return { ...opened, id, to, code: otp.otp, status: async () => (await server.call("POST", `/api/otp/${id}/status`)).status };
}

const wrong = (code) => (code === "111111" ? "222222" : "111111");
const submit = (page) => page.click("form:has(#otp) button");
const sees = (page, text) => page.getByText(text).first().waitFor({ timeout: longest });
const shot = (page, name) => page.screenshot({ path: `${screenshots}page-${name}.png`, animations: "disabled" });

// Several at once, for most of them wait most of the time.
describe("pages", { concurrency: 3 }, () => {
  test("a wrong code says so, is counted, and the right one is verified after it", async () => {
    const { page, id, code, status, complaints, close } = await open();
    await sees(page, "1 / 5 attempts");
    await page.fill("#otp", wrong(code));
    await submit(page);
    await sees(page, "Incorrect OTP");
    await sees(page, "2 / 5 attempts");
    assert.equal(await page.getAttribute("#otp", "aria-invalid"), "true");
    assert.equal(await page.evaluate(() => document.activeElement.id), "otp");
    await shot(page, "wrong");
    assert.equal(await status(), 400);
    await page.fill("#otp", code);
    await submit(page);
    await sees(page, "This page can be closed");
    await shot(page, "verified");
    assert.equal(await status(), 200);
    assert.equal((await server.call("DELETE", `/api/otp/${id}/status`)).status, 200);
    assert.equal(await status(), 400);
    assert.deepEqual(complaints, []);
    await close();
  });

  test("the code can't be sent again for 30 s: the page counts them down, the server keeps to them", async () => {
    await patient.ask("patient", { to: "patient@example.com" });
    const { page, complaints, close } = await openPage(browser, patient.page("patient"));
    await page.clock.install();
    await page.reload();
    const button = page.locator("#resend button");
    assert.equal(await button.isDisabled(), true);
    const wait = await page.locator("#wait").textContent();
    assert.match(wait, /again in [123]?[0-9] s/);
    await shot(page, "cool-down");
    await page.clock.runFor(2_000);
    assert.notEqual(await page.locator("#wait").textContent(), wait);
    assert.equal(await button.isDisabled(), true);
    // A browser whose clock runs ahead may ask; that is all.
    await page.clock.runFor(30_000);
    assert.equal(await button.isDisabled(), false);
    await button.click();
    await sees(page, "sent a moment ago");
    assert.equal(await page.getAttribute("#otp", "aria-invalid"), null, "nothing that was entered is wrong");
    await shot(page, "too-soon");
    assert.deepEqual(await complaintsOfAxe(page), []);
    assert.equal(await patient.messages("patient"), 1);
    assert.deepEqual(complaints, []);
    await close();
  });

  test("after the wait the same code is sent again", async () => {
    const { page, id, to, code, complaints, close } = await open();
    await page.locator("#resend button:enabled").waitFor({ timeout: longest });
    await page.click("#resend button");
    await sees(page, "OTP resent");
    assert.equal(await server.messages(id), 2);
    assert.equal(await server.code(to), code);
    assert.deepEqual(complaints, []);
    await close();
  });

  test("after the last attempt it is locked, also for the right code", async () => {
    const { page, code, status, complaints, close } = await open({ ask: { max_attempts: 2 } });
    await page.fill("#otp", wrong(code));
    await submit(page);
    await sees(page, "Incorrect OTP");
    await page.fill("#otp", code);
    await submit(page);
    await sees(page, "Too many attempts");
    await shot(page, "locked");
    assert.equal(await status(), 400);
    assert.deepEqual(complaints, []);
    await close();
  });

  test("the time left counts down, and the page says by itself that it is over", async () => {
    const { page, complaints, close } = await open({ ask: { ttl: 6 } });
    const countdown = page.locator("#countdown");
    const first = await countdown.textContent();
    assert.match(first, /Time left: 0:0[1-6]/);
    await page.waitForFunction((first) => document.getElementById("countdown").textContent !== first, first, { timeout: longest });
    await sees(page, "Session expired");
    await shot(page, "expired");
    // The status that it polled said 400 by then, which a browser writes into the console.
    assert.deepEqual(complaints.filter((line) => !line.includes("400 (Bad Request)")), []);
    await close();
  });

  test("an address is asked for where there is none, then the code", async () => {
    const { page, id, complaints, close } = await open({ ask: { to: "" } });
    assert.equal(new URL(page.url()).pathname, `/otp/dev/${id}/address`);
    assert.equal(await server.messages(id), 0);
    await shot(page, "address");
    await page.fill("#to", "asked@example.com");
    await page.keyboard.press("Enter");
    await page.locator("#otp").waitFor();
    assert.equal(new URL(page.url()).pathname, `/otp/dev/${id}`);
    assert.equal(await server.messages(id), 1);
    await page.fill("#otp", await server.code("asked@example.com"));
    await submit(page);
    await sees(page, "This page can be closed");
    const { body } = await server.call("POST", `/api/otp/${id}/status`);
    assert.equal(body.data.to, "asked@example.com");
    assert.deepEqual(complaints, []);
    await close();
  });

  test("the link of a message fills the code in, and verifies nothing until a person submits it", async () => {
    const { page, code, status, complaints, close } = await open({ rest: "?otp={code}&action=check" });
    assert.equal(await page.inputValue("#otp"), code);
    await sees(page, "1 / 5 attempts");
    assert.equal(await status(), 400);
    // One key is enough.
    await page.keyboard.press("Enter");
    await sees(page, "This page can be closed");
    assert.equal(await status(), 200);
    assert.deepEqual(complaints, []);
    await close();
  });

  test("a code entered elsewhere shows here within a moment", async () => {
    const { page, id, code, complaints, close } = await open();
    await fetch(server.page(id), { method: "POST", body: new URLSearchParams({ namespace: "dev", id, action: "check", otp: code }) });
    await sees(page, "This page can be closed");
    assert.deepEqual(complaints, []);
    await close();
  });

  test("without JavaScript all of it works: address, wrong code, resend, right code", async () => {
    const { page, id, complaints, close } = await open({ ask: { to: "" }, javaScriptEnabled: false });
    await page.fill("#to", "plain@example.com");
    await page.click("form:has(#to) button");
    await page.locator("#otp").waitFor();
    assert.equal(await page.locator("#countdown").isVisible(), false);
    await shot(page, "no-script");
    const code = await server.code("plain@example.com");
    await page.fill("#otp", wrong(code));
    await submit(page);
    await sees(page, "Incorrect OTP");
    // Too soon is a page, not a dead end; the person tries again.
    const deadline = Date.now() + longest;
    do {
      assert.ok(Date.now() < deadline, "it is never sent again");
      await page.waitForTimeout(300);
      await page.click("#resend button");
    } while (await page.getByText("sent a moment ago").count());
    await sees(page, "OTP resent");
    assert.equal(await server.messages(id), 2);
    await page.fill("#otp", code);
    await submit(page);
    await sees(page, "This page can be closed");
    assert.deepEqual(complaints, []);
    await close();
  });

  test("a keyboard is enough, and one sees where it is", async () => {
    const { page, code, complaints, close } = await open();
    assert.equal(await page.evaluate(() => document.activeElement.id), "otp");
    await page.locator("#resend button:enabled").waitFor({ timeout: longest });
    const way = [];
    for (let i = 0; i < 3; i += 1) {
      way.push(await page.evaluate(() => {
        const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
        return `${document.activeElement.id || document.activeElement.textContent} ${outlineStyle} ${outlineWidth}`;
      }));
      await page.keyboard.press("Tab");
    }
    assert.deepEqual(way, ["otp solid 3px", "Verify solid 3px", "Send the code again solid 3px"]);
    await page.reload();
    await page.keyboard.type(code);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Space");
    await sees(page, "This page can be closed");
    assert.deepEqual(complaints, []);
    await close();
  });

  test("axe finds no fault with any page, light or dark, and none is wider than a phone", async () => {
    const faults = {};
    const look = async (name, page) => {
      const found = [];
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        await shot(page, `${name}-${colorScheme}`);
        found.push(...(await complaintsOfAxe(page)).map((fault) => `${colorScheme}: ${fault}`));
      }
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      if (width > phone.width) found.push(`${width} wide`);
      if (found.length) faults[name] = found;
    };
    const { page, id, code, close } = await open({ ask: { max_attempts: 4 } });
    await look("code", page);
    await page.goto(server.page(id, "?view=popup"));
    await look("popup", page);
    await page.locator("#resend button:enabled").waitFor({ timeout: longest });
    await look("code-resend", page);
    await page.click("#resend button");
    await sees(page, "OTP resent");
    await look("resent", page);
    await page.fill("#otp", wrong(code));
    await submit(page);
    await sees(page, "Incorrect OTP");
    await look("wrong", page);
    await page.fill("#otp", code);
    await submit(page);
    await sees(page, "This page can be closed");
    await look("verified", page);

    const locked = "locked-1";
    await server.ask(locked, { to: "locked@example.com", max_attempts: 1 });
    await page.goto(server.page(locked));
    await page.fill("#otp", "0");
    await submit(page);
    await sees(page, "Too many attempts");
    await look("locked", page);

    await page.goto(server.page("nobody-asked"));
    await sees(page, "Session expired");
    await look("expired", page);

    await server.ask("address-1", { address_description: "Where do receipts go?" });
    await page.goto(server.page("address-1"));
    await sees(page, "Where do receipts go?");
    await look("address", page);
    await page.evaluate(() => document.querySelector("form").noValidate = true);
    await page.fill("#to", " ");
    await page.keyboard.press("Enter");
    await sees(page, "not a valid address");
    await look("address-invalid", page);

    await server.ask("refused-1", { to: "refused@example.com" });
    const form = `<!doctype html><form method="post" action="${server.page("refused-1")}"><button>Go</button></form>`;
    const elsewhere = await startApplication({ "/": form });
    await page.goto(elsewhere.origin);
    await page.click("button");
    await sees(page, "Not sent from this page");
    await look("foreign", page);
    elsewhere.stop();

    // A form that can't be read.
    await page.goto(server.page("refused-1"));
    await page.route("**/otp/**", (route) => route.continue(route.request().method() === "POST" ? { postData: "otp=%zz" } : {}));
    await page.fill("#otp", "0");
    await submit(page);
    await sees(page, "Something went wrong");
    await page.unroute("**/otp/**");
    await look("bad-request", page);
    await close();

    const limited = await startServer({ WATCHWORD_PAGES__REQUESTS_PER_MINUTE: "1" });
    const many = await openPage(browser, limited.page("nobody-asked"));
    await many.page.reload();
    await sees(many.page, "Too many requests");
    await look("page-limit", many.page);
    await many.close();
    limited.stop();
    assert.deepEqual(faults, {});
  });

  test("the pages speak the reader's language", async () => {
    for (const [locale, title] of [["ru-RU", /Подтвер/], ["hi-IN", /सत्याप/], ["fr-FR", /^Verify /]]) {
      const { page, complaints, close } = await open({ locale });
      assert.match(await page.title(), title);
      assert.equal(await page.getAttribute("html", "lang"), locale === "fr-FR" ? "en" : locale.slice(0, 2));
      await shot(page, `language-${locale}`);
      assert.deepEqual(await complaintsOfAxe(page), []);
      assert.deepEqual(complaints, []);
      await close();
    }
  });

  test("a page and all that it loads weigh at most 30 KiB", async () => {
    for (const ask of [{}, { to: "" }]) {
      const { page, close } = await open({ ask });
      const session = await page.context().newCDPSession(page);
      await session.send("Network.enable");
      await session.send("Network.setCacheDisabled", { cacheDisabled: true });
      let weight = 0;
      const loaded = [];
      session.on("Network.responseReceived", ({ response }) => loaded.push(new URL(response.url).pathname));
      session.on("Network.loadingFinished", ({ encodedDataLength }) => (weight += encodedDataLength));
      await page.reload({ waitUntil: "networkidle" });
      assert.ok(loaded.some((path) => path.endsWith(".css")) && loaded.some((path) => path.endsWith(".js")), loaded.join());
      assert.ok(weight > 2000 && weight <= 30 * 1024, `${weight} bytes: ${loaded}`);
      console.log(`# ${ask.to === "" ? "address" : "code"} page: ${weight} bytes in ${loaded.length} replies`);
      await close();
    }
  });

  test("the page is painted before any script has come", async () => {
    const { page, id, close } = await open();
    const held = [];
    await page.route("**/*.js", (route) => void held.push(route));
    await page.goto(server.page(id), { waitUntil: "commit" });
    await page.waitForFunction(() => performance.getEntriesByName("first-contentful-paint").length === 1, null, { timeout: longest });
    assert.equal(held.length, 1);
    assert.equal(await page.locator("#otp").isVisible(), true);
    await Promise.all(held.map((route) => route.continue()));
    await close();
  });

  test("who asks for too many pages gets one that says so, and what waits is not hurt", async () => {
    const narrow = await startServer({ WATCHWORD_PAGES__REQUESTS_PER_MINUTE: "2" });
    const { otp } = await narrow.ask("limited", { to: "limited@example.com" });
    const { page, close } = await openPage(browser, narrow.page("limited"));
    await page.reload();
    const reply = await page.reload();
    assert.equal(reply.status(), 429);
    assert.ok(Number(reply.headers()["retry-after"]) >= 1);
    await sees(page, "Too many requests");
    await shot(page, "limit");
    assert.deepEqual(await complaintsOfAxe(page), []);
    assert.equal((await narrow.call("POST", "/api/otp/limited", { otp })).status, 200);
    await close();
    narrow.stop();
  });

  test("what callers and visitors say is text, never markup", async () => {
    const bad = `"><img src=x onerror="document.title='bad'"><script>document.title='bad'</script>{{ 7*7 }}`;
    for (const [ask, rest] of [
      [{ to: bad, channel_description: bad }, `?otp=${encodeURIComponent(bad)}&action=check&view=${encodeURIComponent(bad)}`],
      [{ to: "", address_description: bad }, `?view=${encodeURIComponent(bad)}`],
    ]) {
      const { page, complaints, close } = await open({ ask, rest });
      await sees(page, "onerror=");
      assert.match(await page.title(), /^Verify /);
      assert.equal(await page.locator("main img, main script").count(), 0);
      assert.deepEqual(complaints, []);
      await close();
    }
  });

  test("what scanners of mail do with a link verifies nothing and sends nothing", async () => {
    const id = "scanned-1";
    const { otp } = await server.ask(id, { to: "scanned@example.com" });
    for (const rest of [`?otp=${otp}&action=check`, `?otp=${otp}`, "?action=resend", "/address?to=x@example.com&action=set_address", "/status"]) {
      for (const method of ["GET", "HEAD"]) await fetch(server.page(id, rest), { method, headers: { cookie: "a=b" } });
    }
    assert.equal((await server.call("POST", `/api/otp/${id}/status`)).status, 400);
    assert.equal(await server.messages(id), 1);
    const { body } = await server.call("POST", `/api/otp/${id}`, { otp });
    assert.equal(body.data.attempts, 2);
  });
});
