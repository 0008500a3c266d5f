// OTPGateway(namespace, id, onFinish(namespace, id), onCancel()) opens this server's verification page in a modal.
(function () {
  "use strict";

  if (Object.prototype.hasOwnProperty.call(window, "OTPGateway")) return;

  var script = document.querySelector("script#otpgateway-script[src]");
  var source = script && new URL(script.src);
  var origin = source ? source.origin : "null";
  if (origin === "null") {
    throw new Error('otpgateway: load otp.js with <script id="otpgateway-script" src="https://SERVER/static/otp.js">');
  }

  // Some reach this server below a path.
  var base = origin + (/^(.*)\/static\/otp\.js$/.exec(source.pathname) || ["", ""])[1];
  var texts = {
    en: ["Verification", "Close"],
    hi: ["सत्यापन", "बंद करें"],
    ru: ["Подтверждение", "Закрыть"],
  };
  var current = null;

  var style = element("link", { rel: "stylesheet", href: base + "/static/otp.css" });
  (document.head || document.documentElement).appendChild(style);

  function element(name, attributes, ...children) {
    var made = document.createElement(name);
    for (var key in attributes) made.setAttribute(key, attributes[key]);
    made.append(...children);
    return made;
  }

  // Sets a style and returns what puts back exactly what was there.
  function styled(target, property, value) {
    var had = target.hasAttribute("style");
    var before = target.style.getPropertyValue(property);
    var priority = target.style.getPropertyPriority(property);
    target.style.setProperty(property, value, "important");
    return () => {
      target.style.setProperty(property, before, priority);
      if (!had && !target.getAttribute("style")) target.removeAttribute("style");
    };
  }

  function lockScrolling() {
    var root = document.documentElement;
    // The window scrolls as the root says, or as the body does where the root says nothing.
    var scroller = document.body && getComputedStyle(root).overflow === "visible" ? document.body : root;
    var undo = [];
    // The room of a scrollbar is kept, so that nothing moves.
    if (root.clientWidth < innerWidth) undo.push(styled(root, "scrollbar-gutter", "stable"));
    // One by one, for `overflow` reads as empty where only one of them is set.
    undo.push(styled(scroller, "overflow-x", "hidden"), styled(scroller, "overflow-y", "hidden"));
    return () => undo.reverse().forEach((each) => each());
  }

  function open(namespace, id, onFinish, onCancel) {
    var language = (navigator.language || "en").slice(0, 2).toLowerCase();
    if (!texts[language]) language = "en";
    var label = texts[language][0];

    var frame = element("iframe", {
      id: "otpgateway-frame",
      title: label,
      allow: "otp-credentials",
      referrerpolicy: "no-referrer",
      src: base + "/otp/" + encodeURIComponent(namespace) + "/" + encodeURIComponent(id) + "?view=popup",
    });
    var spinner = element("div", { id: "otpgateway-frame-spinner", "aria-hidden": "true" });
    var button = element("button", { id: "otpgateway-close", type: "button", "aria-label": texts[language][1] });
    var box = element("div", { id: "otpgateway-box" }, frame, spinner, button);
    var backdrop = element("div", { id: "otpgateway-modal" }, box);
    var dialog = element(
      "dialog",
      { id: "otpgateway-modal-wrap", role: "dialog", "aria-modal": "true", "aria-label": label, lang: language },
      backdrop
    );
    var focused = document.activeElement;
    var settled = false;
    var unlock = null;

    function close() {
      if (!unlock) return;
      removeEventListener("message", receive);
      unlock();
      unlock = null;
      if (current === modal) current = null;
      if (dialog.close) dialog.close();
      dialog.remove();
      if (focused && focused.focus) focused.focus({ preventScroll: true });
    }

    // Calls one of the two, once, then closes, also when the callback fails.
    function settle(callback, values) {
      if (settled) return;
      settled = true;
      try {
        if (typeof callback === "function") callback(...values);
      } finally {
        close();
      }
    }

    var cancel = () => settle(onCancel, []);

    function receive(event) {
      var data = event.data;
      if (event.origin !== origin || event.source !== frame.contentWindow || !data) return;
      if (typeof data.namespace === "string" && typeof data.id === "string") settle(onFinish, [data.namespace, data.id]);
      // Keys pressed in the frame are seen by its page only, which tells of Escape.
      else if (data.otpgateway === "cancel") cancel();
    }

    var modal = { cancel, close };
    addEventListener("message", receive);
    frame.addEventListener("load", () => {
      spinner.remove();
      // A page of another site comes without the focus that its frame has.
      if (document.activeElement === frame) frame.contentWindow.focus();
    });
    button.addEventListener("click", cancel);
    backdrop.addEventListener("click", (event) => {
      if (event.target === backdrop) cancel();
    });
    // Escape, and what a phone has for it. Browsers may close without asking.
    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      cancel();
    });
    dialog.addEventListener("close", cancel);

    unlock = lockScrolling();
    current = modal;
    (document.body || document.documentElement).appendChild(dialog);
    // A modal dialog keeps focus inside and hides the rest from assistive technology.
    if (dialog.showModal) dialog.showModal();
    else dialog.setAttribute("open", "");
    frame.focus();
  }

  window.OTPGateway = function (namespace, id, onFinish, onCancel) {
    if (!namespace || !id) throw new TypeError("OTPGateway needs a namespace and an id");
    var other = current;
    if (other) {
      other.cancel();
      // It is still there when this call came from one of its own callbacks.
      other.close();
      // Its callback opened another one, which is newer than this call.
      if (current) return;
    }
    open(namespace, id, onFinish, onCancel);
  };
})();
