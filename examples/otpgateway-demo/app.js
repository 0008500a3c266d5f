// The application's page: asks its own server for a code, opens the modal, and has its server confirm what came of it.
const form = document.getElementById("ask");
const result = document.getElementById("result");

function say(kind, text) {
  result.dataset.kind = kind;
  result.textContent = text;
}

async function post(path, body) {
  const reply = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const data = await reply.json();
  if (!reply.ok) throw new Error(data.message);
  return data;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  // Still focusable, so that focus comes back to it.
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  say("", "");
  try {
    // 1. Our server asks Watchword to send a code.
    const { namespace, id } = await post("/verify", { to: form.elements.to.value });
    // 2. The modal opens. One of the two is called, once.
    OTPGateway(namespace, id, finished, () => say("warning", "Not verified: you closed the window."));
  } catch (error) {
    say("warning", error.message);
  } finally {
    button.removeAttribute("aria-disabled");
  }
});

async function finished() {
  try {
    // 3. Our server asks Watchword whether that is true.
    const { to } = await post("/verified", {});
    say("good", `Verified: ${to}. Receipts go there from now on.`);
  } catch (error) {
    say("warning", error.message);
  }
}
