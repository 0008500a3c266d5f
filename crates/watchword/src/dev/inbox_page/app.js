// Shows messages as they come. Everything from a message is set as text, never as HTML.
"use strict";

const MOST_SHOWN = 200;
const RETRY_AFTER_MS = 1000;

const list = document.getElementById("messages");
const empty = document.getElementById("empty");
const state = document.getElementById("state");
const template = document.getElementById("message");
const title = document.title;
const shown = new Set();
let live = false;
let unseen = 0;

function show(message) {
  // After a broken connection the server may begin again at the beginning.
  if (shown.has(message.delivery)) return;
  shown.add(message.delivery);

  const item = template.content.firstElementChild.cloneNode(true);
  const fill = (selector, text) => {
    item.querySelector(selector).textContent = text;
  };
  const at = new Date(message.at);
  const time = item.querySelector("time");
  time.dateTime = at.toISOString();
  time.title = at.toLocaleString();
  time.textContent = at.toLocaleTimeString();
  fill(".to", message.to);
  fill(".code code", message.code);
  fill(".subject", message.subject);
  fill(".body", message.body);
  fill(".foot", message.id === null ? message.namespace : `${message.namespace} / ${message.id}`);
  item.dataset.delivery = message.delivery;
  copies(item.querySelector("button"), item.querySelector(".code code"), `Copy the code ${message.code}`);

  item.classList.toggle("news", live);
  list.prepend(item);
  while (list.children.length > MOST_SHOWN) {
    shown.delete(list.lastElementChild.dataset.delivery);
    list.lastElementChild.remove();
  }
  empty.hidden = true;
  if (document.hidden) {
    unseen += 1;
    document.title = `(${unseen}) ${title}`;
  }
}

function copies(button, source, label) {
  button.setAttribute("aria-label", label);
  button.addEventListener("click", async () => {
    const done = await copy(source);
    button.textContent = done ? "Copied" : "Select it";
    setTimeout(() => {
      button.textContent = "Copy";
    }, 1500);
  });
}

async function copy(source) {
  try {
    await navigator.clipboard.writeText(source.textContent);
    return true;
  } catch {
    // Browsers have no clipboard for pages over plain HTTP from another machine.
    getSelection().selectAllChildren(source);
    return document.execCommand("copy");
  }
}

function say(name, text) {
  state.dataset.state = name;
  state.textContent = text;
}

function listen() {
  const events = new EventSource("/dev/inbox/events");
  events.addEventListener("message", (event) => show(JSON.parse(event.data)));
  // What was there before is shown; what comes now is news, and read out.
  events.addEventListener("ready", () => {
    live = true;
    say("live", "Live");
    empty.hidden = list.children.length > 0;
    list.setAttribute("aria-live", "polite");
  });
  events.addEventListener("error", () => {
    live = false;
    say("waiting", "Reconnecting");
    // A refused connection is not tried again by the browser.
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, RETRY_AFTER_MS);
  });
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  unseen = 0;
  document.title = title;
});

const command = document.querySelector(".command");
copies(command.querySelector("button"), command.querySelector("code"), "Copy the command");
listen();
