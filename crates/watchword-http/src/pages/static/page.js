// What the pages do beyond their forms: the countdown, the wait before a code is sent again, a look every two seconds whether
// the code was entered elsewhere, a code that the browser reads from a message, and a word to the page around this one.
(() => {
  "use strict";
  const main = document.querySelector("main");
  if (!main) return;
  const { page, status, namespace, id } = main.dataset;

  // Verified: whoever embeds this page waits for it.
  if (namespace !== undefined && window.parent !== window) {
    // It goes to any site, for any may embed; it says nothing that the site does not know.
    window.parent.postMessage({ namespace, id }, "*");
  }

  if (window.parent !== window) {
    // Browsers don't heed `autofocus` in another site's frame. Where the frame has no focus, it is not for us to take it.
    const first = document.querySelector("[autofocus], [data-focus]");
    if (first && document.hasFocus()) first.focus();
    else if (first) window.addEventListener("focus", () => first.focus(), { once: true });
    // The page around this one sees no keys pressed here. Without the two names nobody takes it for "verified".
    window.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.isComposing) window.parent.postMessage({ otpgateway: "cancel" }, "*");
    });
  }

  // Asks for the page anew. Reloading would post a form again.
  let leaving = false;
  const again = () => {
    if (leaving || !page) return;
    leaving = true;
    window.location.replace(page);
  };
  window.addEventListener("pageshow", () => { leaving = false; });

  // Counts down by the clock: timers stand still in the background.
  const every = (seconds, tick) => {
    const end = Date.now() + seconds * 1000;
    const step = () => {
      const left = Math.max(0, Math.ceil((end - Date.now()) / 1000));
      tick(left);
      if (left === 0) clearInterval(timer);
    };
    const timer = setInterval(step, 1000);
    step();
  };

  const countdown = document.getElementById("countdown");
  const announcement = document.getElementById("announcement");
  if (countdown) {
    const said = new Set();
    countdown.hidden = false;
    every(Number(countdown.dataset.seconds), (left) => {
      const hours = Math.floor(left / 3600);
      const minutes = Math.floor((left % 3600) / 60);
      const two = (number) => String(number).padStart(2, "0");
      const time = (hours ? hours + ":" + two(minutes) : minutes) + ":" + two(left % 60);
      countdown.textContent = countdown.dataset.text.replace("{time}", time);
      // A screen reader hears of it a few times, not every second.
      for (const mark of [60, 30, 10]) {
        if (left <= mark && left > mark - 5 && !said.has(mark)) {
          said.add(mark);
          announcement.textContent = countdown.textContent;
        }
      }
      // A moment later, so that the server's time is over too.
      if (left === 0) setTimeout(again, 1000);
    });
  }

  const resend = document.getElementById("resend");
  if (resend && Number(resend.dataset.seconds) > 0) {
    const button = resend.querySelector("button");
    const wait = document.getElementById("wait");
    button.disabled = true;
    every(Number(resend.dataset.seconds), (left) => {
      wait.textContent = left ? resend.dataset.text.replace("{seconds}", left) : "";
      if (left === 0) button.disabled = false;
    });
  }

  if (status) {
    setInterval(async () => {
      if (leaving) return;
      try {
        const answer = await fetch(status, { cache: "no-store", credentials: "omit" });
        if (answer.status === 400) return again();
        if (answer.ok && (await answer.json()).data.closed) again();
      } catch {
        // The next look will tell.
      }
    }, 2000);
  }

  for (const form of document.querySelectorAll("form")) {
    let sent = false;
    form.addEventListener("submit", (event) => {
      if (sent) return event.preventDefault();
      sent = leaving = true;
    });
    window.addEventListener("pageshow", () => { sent = false; });
  }

  const otp = document.getElementById("otp");
  if (otp && otp.inputMode === "numeric") {
    // Codes are often copied with spaces, or from within a sentence.
    otp.addEventListener("paste", (event) => {
      const digits = (event.clipboardData ? event.clipboardData.getData("text") : "").replace(/[\s-]/g, "");
      if (!/^\d+$/.test(digits)) return;
      event.preventDefault();
      otp.setRangeText(digits.slice(0, otp.maxLength), 0, otp.value.length, "end");
    });
  }
  // WebOTP: the person is asked by the browser, and still submits.
  if (otp && !otp.value && "OTPCredential" in window && navigator.credentials) {
    const ended = new AbortController();
    document.addEventListener("submit", () => ended.abort());
    navigator.credentials.get({ otp: { transport: ["sms"] }, signal: ended.signal }).then((found) => {
      if (!found || otp.value) return;
      otp.value = found.code;
      otp.form.querySelector("button").focus();
    }).catch(() => {});
  }
})();
