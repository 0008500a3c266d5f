"""A second mail server for tests, by other authors than the first: Debian's python3-aiosmtpd, on a free port of 127.0.0.1.

Its only argument is JSON: "tls" ("none", "starttls" or "tls", with the files "key" and "cert"), "auth" (whether one must sign in, as
"username" with "password"). What happens is printed, a line of JSON each: {"event":"listening","port":…},
{"event":"signed-in","by":"PLAIN"}, {"event":"mail","from":"…","to":"…","secure":…,"subject":"…","text":"…","html":"…"}.
"""

import asyncio
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

options = json.loads(sys.argv[1])


def show(event, **more):
    print(json.dumps({"event": event, **more}), flush=True)


def authenticate(server, session, envelope, mechanism, data):
    right = data.login == options["username"].encode() and data.password == options["password"].encode()
    if right:
        show("signed-in", by=mechanism)
    return AuthResult(success=right, handled=False)


class Handler:
    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        text, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
        show(
            "mail",
            **{"from": envelope.mail_from},
            to=",".join(envelope.rcpt_tos),
            secure=session.ssl is not None or options["tls"] == "tls",
            subject=mail["subject"],
            text=text and text.get_content(),
            html=html and html.get_content(),
        )
        return "250 2.0.0 queued"


def security():
    if options["tls"] == "none":
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options["cert"], options["key"])
    return context


async def main():
    context = security()
    starttls = options["tls"] == "starttls"

    def serve():
        return SMTP(
            Handler(),
            hostname="mail.example",
            enable_SMTPUTF8=True,
            tls_context=context if starttls else None,
            require_starttls=starttls,
            auth_required=options.get("auth", False),
            auth_require_tls=False,
            authenticator=authenticate,
            loop=asyncio.get_running_loop(),
        )

    tls = context if options["tls"] == "tls" else None
    server = await asyncio.get_running_loop().create_server(serve, "127.0.0.1", 0, ssl=tls)
    show("listening", port=server.sockets[0].getsockname()[1])
    await server.serve_forever()


asyncio.run(main())
