// The application of this demo: a shop, say, that wants to know that its visitor holds an address. No packages needed.
//
//   node server.mjs            with WATCHWORD_URL, WATCHWORD_NAMESPACE, WATCHWORD_SECRET, WATCHWORD_PROVIDER and PORT, all optional
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";

const LONGEST_BODY = 4096;
const LONGEST_WAIT_MS = 10_000;
const MOST_VISITORS = 10_000;

class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Watchword's API, as the application's server calls it. The secret never reaches a browser. */
class Watchword {
  constructor({ url, namespace, secret, provider }) {
    Object.assign(this, { origin: new URL(url).origin, namespace, provider });
    this.authorization = `Basic ${Buffer.from(`${namespace}:${secret}`).toString("base64")}`;
  }

  /** Sends a code. Without an address, the page that opens asks for it. */
  async start(id, to) {
    const fields = new URLSearchParams({ provider: this.provider });
    if (to) fields.set("to", to);
    return this.call("PUT", `/api/otp/${encodeURIComponent(id)}`, fields);
  }

  /** What was verified. Throws when it was not. */
  async status(id) {
    return this.call("POST", `/api/otp/${encodeURIComponent(id)}/status`);
  }

  /** Forgets what was verified. */
  async forget(id) {
    return this.call("DELETE", `/api/otp/${encodeURIComponent(id)}/status`);
  }

  async call(method, path, body) {
    const signal = AbortSignal.timeout(LONGEST_WAIT_MS);
    const headers = { authorization: this.authorization };
    let reply;
    try {
      reply = await fetch(this.origin + path, { method, headers, body, signal });
    } catch (cause) {
      throw new Refusal(502, `Watchword does not answer at ${this.origin}. Is it running? (${cause.cause?.code ?? cause.name})`);
    }
    const { data, message } = await reply.json();
    if (!reply.ok) throw new Refusal(reply.status, message);
    return data;
  }
}

/** The demo's server, not yet listening. `settings` are as in `fromEnvironment`. */
export function demo(settings) {
  const watchword = new Watchword(settings);
  // Visitors by their cookie. A real application has its own sessions, and keeps what was verified in its database.
  const visitors = new Map();

  const files = {
    "/": ["index.html", "text/html"],
    "/app.js": ["app.js", "text/javascript"],
    "/app.css": ["app.css", "text/css"],
  };
  const calls = {
    async "/verify"(visitor, { to }) {
      // The id belongs to the person and what is verified, so that asking again and again counts on one verification.
      await watchword.start(visitor.id, to);
      // Never the code: it goes to the address only.
      return { namespace: watchword.namespace, id: visitor.id };
    },
    async "/verified"(visitor) {
      // The browser's word counts for nothing. The id is the session's own, not one that a browser could choose.
      const { to } = await watchword.status(visitor.id);
      visitor.verified = to;
      await watchword.forget(visitor.id);
      return { to };
    },
  };

  async function answer(request, response) {
    const { pathname } = new URL(request.url, "http://demo");
    const file = files[pathname];
    if (file && request.method === "GET") {
      const text = await readFile(new URL(file[0], import.meta.url), "utf8");
      const headers = { "content-type": `${file[1]}; charset=utf-8`, "cache-control": "no-store" };
      if (pathname === "/") {
        // What a page needs to allow for the plugin.
        headers["content-security-policy"] = `default-src 'self'; script-src 'self' ${watchword.origin}; style-src 'self' ${watchword.origin}; frame-src ${watchword.origin}; img-src data:`;
        if (!visitorOf(request)) headers["set-cookie"] = welcome();
      }
      response.writeHead(200, headers).end(text.replaceAll("{{watchword}}", watchword.origin));
      return;
    }
    const call = calls[pathname];
    if (!call || request.method !== "POST") throw new Refusal(404, "There is nothing here.");
    const visitor = visitorOf(request);
    if (!visitor) throw new Refusal(403, "Your visit has ended. Load the page again.");
    const data = await call(visitor, await bodyOf(request));
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(data));
  }

  function visitorOf(request) {
    const [, key] = /(?:^|;\s*)visitor=([0-9a-f]+)/.exec(request.headers.cookie ?? "") ?? [];
    return visitors.get(key);
  }

  /** A new visitor; gives the cookie that names them. */
  function welcome() {
    if (visitors.size >= MOST_VISITORS) visitors.delete(visitors.keys().next().value);
    const key = randomBytes(16).toString("hex");
    visitors.set(key, { id: `mail.${randomBytes(16).toString("hex")}`, verified: null });
    return `visitor=${key}; HttpOnly; SameSite=Lax; Path=/`;
  }

  return createServer((request, response) => {
    answer(request, response).catch((error) => {
      if (!(error instanceof Refusal)) console.error(error);
      const status = error.status ?? 500;
      const message = error.status ? error.message : "This went wrong. The server's log has the reason.";
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ message }));
    });
  });
}

async function bodyOf(request) {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) {
    text += chunk;
    if (text.length > LONGEST_BODY) throw new Refusal(413, "That is too long.");
  }
  try {
    return JSON.parse(text || "{}");
  } catch {
    throw new Refusal(400, "That is not JSON.");
  }
}

export function fromEnvironment(environment) {
  return {
    url: environment.WATCHWORD_URL ?? "http://127.0.0.1:9000",
    namespace: environment.WATCHWORD_NAMESPACE ?? "dev",
    secret: environment.WATCHWORD_SECRET ?? "dev",
    provider: environment.WATCHWORD_PROVIDER ?? "inbox",
  };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const server = demo(fromEnvironment(process.env));
  server.listen(Number(process.env.PORT ?? 8080), "127.0.0.1", () => {
    console.log(`The demo is at http://localhost:${server.address().port}`);
  });
}
