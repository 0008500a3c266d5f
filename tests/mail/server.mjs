// A mail server for tests, on a free port of 127.0.0.1. What happens is printed, a line of JSON each:
//
//   {"event":"listening","port":…}  {"event":"connected"}  {"event":"closed"}  {"event":"signed-in","by":"PLAIN","user":"…"}
//   {"event":"dropped"}  {"event":"mail","from":"…","to":"…","secure":…,"raw":"…","headers":[…],
//    "subject":"…","text":"…","html":"…"}
//
// Its only argument is JSON, all of it optional:
//
//   port          where to listen; 0: anywhere free
//   tls           "none", "starttls" or "tls"; needs "key" and "cert", files in PEM
//   auth          the mechanisms that are offered; none: nobody needs to sign in
//   username, password
//   hide          extensions that are not offered, like "SMTPUTF8"
//   script        [["MAIL", "550 5.7.1 words"], …]: what happens at CONNECT, AUTH, MAIL, RCPT, DATA (the message has begun) or END (it
//                 is whole); each once, in this order. A reply, "pass", "drop" (the connection is cut) or "hang" (no answer comes)
//   idle_ms       a connection without a word for so long is closed
import { readFileSync } from "node:fs";
import PostalMime from "postal-mime";
import { SMTPServer } from "smtp-server";

const options = JSON.parse(process.argv[2] ?? "{}");
const script = options.script ?? [];

const print = (event, more = {}) => process.stdout.write(JSON.stringify({ event, ...more }) + "\n");

const drop = (session) => {
  const connection = [...server.connections].find((connection) => connection.id === session.id);
  connection._socket.destroy();
  print("dropped");
};

// What the script says happens at a step; true: go on.
const pass = (step, session, answer) => {
  if (script[0]?.[0] !== step) return true;
  const [, what] = script.shift();
  if (what === "pass") return true;
  if (what === "drop") {
    drop(session);
  } else if (what !== "hang") {
    const [code, ...words] = what.split(" ");
    answer(Object.assign(new Error(words.join(" ")), { responseCode: Number(code) }));
  }
  return false;
};

const received = async (session, raw) => {
  const { headers, subject, text, html } = await PostalMime.parse(raw);
  const { mailFrom, rcptTo } = session.envelope;
  const to = rcptTo.map(({ address }) => address).join(",");
  print("mail", { from: mailFrom.address, to, secure: session.secure, raw: raw.toString("latin1"), headers, subject, text, html });
};

const server = new SMTPServer({
  secure: options.tls === "tls",
  ...(options.cert && { key: readFileSync(options.key), cert: readFileSync(options.cert) }),
  authMethods: options.auth ?? [],
  authOptional: !options.auth,
  allowInsecureAuth: true,
  disabledCommands: [...(options.tls === "starttls" ? [] : ["STARTTLS"]), ...(options.auth ? [] : ["AUTH"])],
  ...Object.fromEntries((options.hide ?? []).map((name) => ["hide" + name, true])),
  socketTimeout: options.idle_ms ?? 60_000,
  closeTimeout: 100,
  disableReverseLookup: true,

  onConnect(session, answer) {
    print("connected");
    if (pass("CONNECT", session, answer)) answer();
  },
  onClose() {
    print("closed");
  },
  onAuth(auth, session, answer) {
    if (!pass("AUTH", session, answer)) return;
    const right = auth.validatePassword ? auth.validatePassword(options.password) : auth.password === options.password;
    if (auth.username !== options.username || !right) {
      return answer(Object.assign(new Error(`5.7.8 no ${auth.username} here`), { responseCode: 535 }));
    }
    print("signed-in", { by: auth.method, user: auth.username });
    answer(null, { user: auth.username });
  },
  onMailFrom(address, session, answer) {
    if (pass("MAIL", session, answer)) answer();
  },
  onRcptTo(address, session, answer) {
    if (pass("RCPT", session, answer)) answer();
  },
  onData(stream, session, answer) {
    const chunks = [];
    stream.on("data", (chunk) => {
      if (chunks.length > 0 || pass("DATA", session, answer)) chunks.push(chunk);
      else stream.pause();
    });
    stream.on("end", () => {
      if (!pass("END", session, answer)) return;
      received(session, Buffer.concat(chunks)).then(() => answer(), answer);
    });
  },
});

server.on("error", (error) => print("error", { text: String(error) }));
server.listen(options.port ?? 0, "127.0.0.1", () => print("listening", { port: server.server.address().port }));
