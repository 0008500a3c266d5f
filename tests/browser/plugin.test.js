// The plugin: what an application's page gets from `OTPGateway(namespace, id, onFinish, onCancel)`.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { desk, longest, openPage, phone, screenshots, startApplication, startBrowser, startServer } from "./harness.js";

let server, application, browser;

/** A page taller than the window, with a button that opens the modal and notes what comes of it. */
const pageWith = (origin, before = "") => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>App</title><meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
${before}
<script id="otpgateway-script" src="${origin}/static/otp.js"></script></head>
<body style="margin: 0px;"><h1>App</h1><button id="open">Open</button><a href="#x">A link</a><div style="height:3000px;background:linear-gradient(#cde,#edc)"></div>
<script>
  var events = [];
  function open_(id, more) {
    OTPGateway("dev", id, function () { events.push(["finish"].concat([].slice.call(arguments))); more && more(); }, function () { events.push(["cancel"].concat([].slice.call(arguments))); });
  }
  document.getElementById("open").onclick = function () { open_(window.wanted || "plugin-1"); };
</script></body></html>`;

before(async () => {
  server = await startServer();
  application = await startApplication({
    "/": pageWith(server.origin),
    "/taken": pageWith(server.origin, "<script>window.OTPGateway = 'mine';</script>"),
    "/no-id": pageWith(server.origin).replace('id="otpgateway-script" ', ""),
    "/foreign": `<!doctype html><title>Foreign</title><script>parent.postMessage({ namespace: "dev", id: "plugin-1" }, "*")</script>`,
  });
  browser = await startBrowser({ ignoreDefaultArgs: ["--hide-scrollbars"] });
  await server.ask("plugin-1", { to: "plugin@example.com", max_generate: 100 });
});

after(async () => {
  await browser?.close();
  application?.stop();
  server?.stop();
});

async function open(path = "/", options = {}) {
  const opened = await openPage(browser, application.origin + path, { origins: [server.origin], ...options });
  const { page } = opened;
  return {
    ...opened,
    /** Opens the modal by the button and waits until it has loaded. */
    async modal() {
      await page.click("#open");
      await page.locator("#otpgateway-frame-spinner").waitFor({ state: "detached" });
      return page.frames().find((frame) => frame.url().startsWith(`${server.origin}/otp/`));
    },
    events: () => page.evaluate(() => events),
    /** What the page is like apart from what the plugin shows: to compare before and after. */
    state: () =>
      page.evaluate(() => ({
        html: document.documentElement.getAttribute("style"),
        body: document.body.getAttribute("style"),
        nodes: document.querySelectorAll("*").length,
        focus: document.activeElement.id,
        scrolled: scrollY,
      })),
  };
}

const closed = (page) => page.locator("#otpgateway-modal-wrap").waitFor({ state: "detached" });
/** What the browser does with messages that are already on their way is done once its own comes back. */
const messagesArrived = (page) =>
  page.evaluate(() => new Promise((resolve) => {
    addEventListener("message", function receive(event) {
      if (event.data !== "mine") return;
      removeEventListener("message", receive);
      resolve();
    });
    postMessage("mine", "*");
  }));

describe("the plugin", { concurrency: 3 }, () => {
  test("the modal is a labelled dialog with the page in a frame, under the ids that applications know", async () => {
    for (const [name, viewport, colorScheme] of [["phone-dark", phone, "dark"], ["desk-light", desk, "light"]]) {
      const { page, modal, complaints, close } = await open("/", { viewport, colorScheme });
      await modal();
      assert.deepEqual(
        await page.evaluate(() => {
          const of = (id, ...names) => names.map((name) => document.getElementById(id).getAttribute(name));
          return {
            wrap: of("otpgateway-modal-wrap", "role", "aria-modal", "aria-label"),
            frame: of("otpgateway-frame", "src", "title", "allow", "referrerpolicy"),
            nested: document.querySelectorAll("#otpgateway-modal-wrap > #otpgateway-modal #otpgateway-frame").length,
          };
        }),
        {
          wrap: ["dialog", "true", "Verification"],
          frame: [`${server.page("plugin-1")}?view=popup`, "Verification", "otp-credentials", "no-referrer"],
          nested: 1,
        },
      );
      const box = await page.locator("#otpgateway-box").boundingBox();
      assert.ok(box.x >= 0 && box.x + box.width <= viewport.width && box.y > 0 && box.y + box.height <= viewport.height, JSON.stringify(box));
      await page.screenshot({ path: `${screenshots}plugin-${name}.png`, animations: "disabled" });
      assert.deepEqual(complaints, []);
      await close();
    }
  });

  test("the spinner turns until the page in the frame is there, and stands still for those who want it so", async () => {
    const { page, complaints, close } = await open("/", { reducedMotion: "reduce" });
    let answer;
    await page.route("**/otp/dev/plugin-1**", async (route) => {
      await new Promise((resolve) => (answer = resolve));
      await route.continue();
    });
    await page.click("#open");
    await page.locator("#otpgateway-frame-spinner").waitFor();
    assert.equal(await page.evaluate(() => getComputedStyle(document.getElementById("otpgateway-frame-spinner")).animationName), "none");
    await page.screenshot({ path: `${screenshots}plugin-spinner.png`, animations: "disabled" });
    answer();
    await page.locator("#otpgateway-frame-spinner").waitFor({ state: "detached" });
    assert.deepEqual(complaints, []);
    await close();
  });

  test("the page in the frame says finished: onFinish once with both names, then closed, and nothing is left", async () => {
    const { page, modal, events, state, complaints, close } = await open();
    await page.focus("#open");
    await page.evaluate(() => scrollTo(0, 3));
    const before = await state();
    const frame = await modal();
    await frame.evaluate(() => {
      for (let i = 0; i < 3; i += 1) parent.postMessage({ namespace: "dev", id: "plugin-1" }, "*");
    });
    await closed(page);
    await messagesArrived(page);
    assert.deepEqual(await events(), [["finish", "dev", "plugin-1"]]);
    assert.deepEqual(await state(), before);
    assert.deepEqual(complaints, []);
    await close();
  });

  for (const [how, act] of [
    ["a click on the backdrop", (page) => page.mouse.click(10, 10)],
    ["Escape", (page) => page.locator("#otpgateway-close").focus().then(() => page.keyboard.press("Escape"))],
    // Not awaited: the frame is gone before the browser tells that the key arrived.
    ["Escape in the frame", (page) => void page.keyboard.press("Escape").catch(() => {})],
    ["the close button", (page) => page.click("#otpgateway-close")],
  ]) {
    test(`${how} cancels: onCancel once, then closed, focus and scrolling as before`, async () => {
      const { page, modal, events, state, complaints, close } = await open();
      await page.evaluate(() => (document.body.style.overflowX = "clip"));
      await page.focus("#open");
      const before = await state();
      await modal();
      await act(page);
      await closed(page);
      await page.keyboard.press("Escape");
      assert.deepEqual(await events(), [["cancel"]]);
      assert.deepEqual(await state(), before);
      assert.deepEqual(complaints, []);
      await close();
    });
  }

  test("a click inside the modal cancels nothing", async () => {
    const { page, modal, events, close } = await open("/", { viewport: desk });
    await modal();
    await page.locator("#otpgateway-frame").click({ position: { x: 5, y: 5 } });
    // Its edge, where a style sheet gives it one.
    await page.locator("#otpgateway-box").dispatchEvent("click");
    assert.equal(await page.locator("#otpgateway-modal-wrap").count(), 1);
    assert.deepEqual(await events(), []);
    await close();
  });

  test("messages of anybody else are ignored: foreign origins, other frames of the server, and other messages of its page", async () => {
    const { page, modal, events, close } = await open();
    const frame = await modal();
    await page.evaluate((url) => {
      // Of the application's own origin, from itself and from a frame; and of the server's origin, but another frame.
      postMessage({ namespace: "dev", id: "plugin-1" }, "*");
      for (const src of ["/foreign", url]) {
        const frame = document.createElement("iframe");
        frame.src = src;
        document.body.append(frame);
      }
      return new Promise((resolve) => (document.body.lastChild.onload = resolve));
    }, `${server.page("plugin-1")}?other`);
    const other = page.frames().find((each) => each.url().endsWith("?other"));
    await other.evaluate(() => parent.postMessage({ namespace: "dev", id: "plugin-1" }, "*"));
    await frame.evaluate(() => {
      for (const data of [null, "dev", 7, {}, { namespace: "dev" }, { id: "plugin-1" }, { namespace: {}, id: [] }]) parent.postMessage(data, "*");
    });
    await messagesArrived(page);
    assert.deepEqual(await events(), []);
    assert.equal(await page.locator("#otpgateway-modal-wrap").count(), 1);
    await close();
  });

  test("origins that only look like the server's are foreign", async () => {
    const { page, modal, events, close } = await open();
    await modal();
    const lookalikes = [`${server.origin}.evil.example`, `${server.origin}0`, server.origin.replace("http:", "https:"), server.origin.toUpperCase(), "null", ""];
    await page.evaluate((origins) => {
      const source = document.getElementById("otpgateway-frame").contentWindow;
      for (const origin of origins) dispatchEvent(new MessageEvent("message", { origin, source, data: { namespace: "dev", id: "plugin-1" } }));
    }, lookalikes);
    assert.deepEqual(await events(), []);
    // The same event of the very origin is heard: the loop above proves something.
    await page.evaluate((origin) => {
      const source = document.getElementById("otpgateway-frame").contentWindow;
      dispatchEvent(new MessageEvent("message", { origin, source, data: { namespace: "dev", id: "plugin-1" } }));
    }, server.origin);
    assert.deepEqual(await events(), [["finish", "dev", "plugin-1"]]);
    await close();
  });

  test("focus stays in the modal, both ways round", async () => {
    const { page, modal, close } = await open("/", { viewport: desk });
    await modal();
    for (const key of ["Tab", "Shift+Tab"]) {
      const seen = new Set();
      for (let i = 0; i < 12; i += 1) {
        await page.keyboard.press(key);
        seen.add(await page.evaluate(() => document.activeElement.id || document.activeElement.tagName));
      }
      assert.ok(seen.has("otpgateway-frame") && seen.has("otpgateway-close"), `${key}: ${[...seen]}`);
      assert.deepEqual([...seen].filter((id) => !["otpgateway-frame", "otpgateway-close", "BODY"].includes(id)), [], key);
    }
    await page.evaluate(() => document.getElementById("open").focus());
    assert.notEqual(await page.evaluate(() => document.activeElement.id), "open");
    await close();
  });

  test("the page behind does not scroll while the modal is open, and does not shift for want of its scrollbar", async () => {
    const { page, modal, close } = await open("/", { viewport: desk });
    const width = () => page.evaluate(() => document.querySelector("h1").offsetWidth);
    const before = await width();
    assert.ok(before < desk.width, "there is no scrollbar");
    await modal();
    assert.equal(await width(), before);
    assert.equal(await page.evaluate(() => getComputedStyle(document.body).overflow), "hidden");
    for (const [x, y] of [[20, 20], [desk.width / 2, desk.height / 2]]) {
      await page.mouse.move(x, y);
      await page.mouse.wheel(0, 500);
    }
    await page.locator("#otpgateway-close").focus();
    await page.keyboard.press("End");
    // Two frames drawn: a scroll would have happened by then.
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    assert.equal(await page.evaluate(() => scrollY), 0);
    await page.keyboard.press("Escape");
    await closed(page);
    await page.mouse.wheel(0, 500);
    await page.waitForFunction(() => scrollY > 0, null, { timeout: longest });
    await close();
  });

  test("two modals in a row, also from within a callback, and callbacks may be left out", async () => {
    const { page, modal, events, state, complaints, close } = await open();
    await page.focus("#open");
    const before = await state();
    for (let i = 0; i < 2; i += 1) {
      const frame = await modal();
      await frame.evaluate(() => parent.postMessage({ namespace: "dev", id: "plugin-1" }, "*"));
      await closed(page);
    }
    assert.deepEqual(await events(), [["finish", "dev", "plugin-1"], ["finish", "dev", "plugin-1"]]);
    await page.evaluate(() => {
      events = [];
      open_("plugin-1", () => open_("plugin-1"));
      const finished = { origin: new URL(document.getElementById("otpgateway-script").src).origin, data: { namespace: "dev", id: "plugin-1" } };
      const say = () => dispatchEvent(new MessageEvent("message", { ...finished, source: document.getElementById("otpgateway-frame").contentWindow }));
      say();
      if (document.querySelectorAll("#otpgateway-modal-wrap").length !== 1) throw new Error("the second one is gone");
      say();
      OTPGateway("dev", "plugin-1");
      say();
      OTPGateway("dev", "plugin-1");
      document.getElementById("otpgateway-close").click();
    });
    assert.deepEqual(await events(), [["finish", "dev", "plugin-1"], ["finish", "dev", "plugin-1"]]);
    assert.deepEqual(await state(), before);
    assert.deepEqual(complaints, []);
    await close();
  });

  test("a modal opened over another cancels that one first; a callback that fails closes all the same", async () => {
    const { page, events, state, close } = await open();
    await page.focus("#open");
    const before = await state();
    await page.evaluate(() => {
      open_("plugin-1");
      OTPGateway("dev", "plugin-2", null, () => {
        events.push(["second"]);
        throw new Error("the application's own mistake");
      });
    });
    assert.deepEqual(await events(), [["cancel"]]);
    assert.equal(await page.locator("#otpgateway-modal-wrap").count(), 1);
    assert.match(await page.locator("#otpgateway-frame").getAttribute("src"), /plugin-2/);
    await page.click("#otpgateway-close");
    await closed(page);
    assert.deepEqual(await events(), [["cancel"], ["second"]]);
    assert.deepEqual(await state(), before);
    await close();
  });

  test("names are percent-encoded; without both it says what is missing", async () => {
    const { page, close } = await open();
    const source = await page.evaluate(() => {
      OTPGateway("a/b?c", "john@doe.com#&=%41 ü");
      return document.getElementById("otpgateway-frame").getAttribute("src");
    });
    assert.equal(source, `${server.origin}/otp/a%2Fb%3Fc/john%40doe.com%23%26%3D%2541%20%C3%BC?view=popup`);
    for (const values of [[], ["dev"], ["", "plugin-1"]]) {
      assert.match(await page.evaluate((values) => { try { OTPGateway(...values); } catch (error) { return error.message; } }, values), /needs a namespace and an id/);
    }
    await close();
  });

  test("a server below a path is found by the script's whole address", async () => {
    const [style, script] = await Promise.all(["/static/otp.css", "/static/otp.js"].map(async (path) => (await fetch(server.origin + path)).text()));
    const below = await startApplication({
      "/": pageWith("/gate/way"),
      "/gate/way/static/otp.js": [script, "text/javascript"],
      "/gate/way/static/otp.css": [style, "text/css"],
      "/gate/way/otp/dev/plugin-1": "<!doctype html><title>Below</title>",
    });
    const { page, complaints, close } = await openPage(browser, below.origin);
    await page.click("#open");
    await page.locator("#otpgateway-frame-spinner").waitFor({ state: "detached" });
    assert.equal(await page.evaluate(() => document.getElementById("otpgateway-frame").contentDocument.title), "Below");
    assert.deepEqual(complaints, []);
    await close();
    below.stop();
  });

  test("an OTPGateway that exists is left alone; without its id the script says how to load it", async () => {
    const taken = await open("/taken");
    assert.equal(await taken.page.evaluate(() => OTPGateway), "mine");
    await taken.close();
    const missing = await open("/no-id");
    assert.equal(missing.complaints.length, 1);
    assert.match(missing.complaints[0], /load otp\.js with <script id="otpgateway-script"/);
    await missing.close();
  });

  test("opening and closing many times leaves no listener and no node behind", async () => {
    const { page, modal, state, close } = await open();
    const session = await page.context().newCDPSession(page);
    const listeners = async () => {
      const { result } = await session.send("Runtime.evaluate", { expression: "window" });
      const { listeners } = await session.send("DOMDebugger.getEventListeners", { objectId: result.objectId });
      return listeners.length;
    };
    await page.focus("#open");
    const before = [await state(), await listeners()];
    for (let i = 0; i < 3; i += 1) {
      await modal();
      await page.click("#otpgateway-close");
      await closed(page);
    }
    assert.deepEqual([await state(), await listeners()], before);
    await close();
  });

  test("the plugin speaks the reader's language", async () => {
    for (const [locale, label, button] of [["hi-IN", "सत्यापन", "बंद करें"], ["fr-FR", "Verification", "Close"]]) {
      const { page, modal, close } = await open("/", { locale });
      await modal();
      assert.equal(await page.getAttribute("#otpgateway-modal-wrap", "aria-label"), label);
      assert.equal(await page.getAttribute("#otpgateway-close", "aria-label"), button);
      await close();
    }
  });

  test("script and style are small", async () => {
    for (const [path, most] of [["/static/otp.js", 6 * 1024], ["/static/otp.css", 4 * 1024]]) {
      const reply = await fetch(server.origin + path);
      assert.equal(reply.status, 200);
      const size = (await reply.arrayBuffer()).byteLength;
      assert.ok(size < most, `${path} has ${size} bytes`);
    }
  });
});
