"""Judges requests to AWS End User Messaging SMS with botocore: AWS's own library, and its model of the service.

Its only argument is JSON: "region", "access_key", "secret_key", and "requests", each with "method", "path", "headers" (pairs) and
"body" as they were on the wire. For each it prints a line of JSON, a list of what is wrong with it; an empty one is a good request.
Nothing is sent.
"""

import json
import re
import sys
from datetime import datetime
from unittest import mock

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError

SERVICE, OPERATION, SIGNING_NAME = "pinpoint-sms-voice-v2", "SendTextMessage", "sms-voice"
SIGNED = {"content-type", "host", "x-amz-date", "x-amz-target"}
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})"
)

options = json.loads(sys.argv[1])
session = botocore.session.get_session()
model = session.get_service_model(SERVICE).operation_model(OPERATION)


def signature(request, headers):
    """What is wrong with the signature."""
    found = AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if not found:
        return ["no Authorization of Signature Version 4"]
    access_key, day, region, service, signed, theirs = found.groups()
    signed = signed.split(";")
    problems = []
    for what, is_so in [
        ("access key", access_key == options["access_key"]),
        ("region", region == options["region"]),
        ("service", service == SIGNING_NAME),
        ("day", headers.get("x-amz-date", "").startswith(day)),
        ("order of the signed headers", signed == sorted(signed)),
        ("signed headers", SIGNED <= set(signed)),
    ]:
        if not is_so:
            problems.append(f"the {what} is wrong")
    known = {name: value for name, value in headers.items() if name in signed}
    url = f"http://{headers['host']}{request['path']}"
    again = AWSRequest(method=request["method"], url=url, headers=known, data=request["body"].encode())
    again.context["timestamp"] = headers.get("x-amz-date", "")
    auth = SigV4Auth(Credentials(access_key, options["secret_key"]), service, region)
    ours = auth.signature(auth.string_to_sign(again, auth.canonical_request(again)), again)
    return problems if ours == theirs else [*problems, "the signature is not that of this request"]


def values(shape, value, place):
    """What of the parameters the model's patterns and lists do not allow: botocore itself leaves those to the service."""
    problems = []
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            if name in value:
                problems += values(member, value[name], f"{place}.{name}")
    elif shape.type_name == "map":
        if len(value) > shape.metadata.get("max", len(value)):
            problems.append(f"{place} has too many entries")
        for name, member in value.items():
            problems += values(shape.key, name, f"{place} (a key)") + values(shape.value, member, f"{place}.{name}")
    elif shape.type_name == "string":
        pattern, most = shape.metadata.get("pattern"), shape.metadata.get("max", len(value))
        if pattern and not re.fullmatch(pattern, value) or shape.enum and value not in shape.enum or len(value) > most:
            problems.append(f"{place} is not allowed to be {value!r}")
    return problems


def request_of_botocore(parameters, timestamp):
    """The request that botocore makes of the same parameters, which it checks first."""
    made = []

    def keep(request, **_):
        made.append(request)
        return AWSResponse(request.url, 200, {}, mock.Mock(stream=lambda: iter([b"{}"])))

    client = session.create_client(
        SERVICE,
        region_name=options["region"],
        aws_access_key_id=options["access_key"],
        aws_secret_access_key=options["secret_key"],
        config=Config(retries={"total_max_attempts": 1}),
    )
    client.meta.events.register("before-send", keep)
    now = datetime.strptime(timestamp, "%Y%m%dT%H%M%SZ")
    with mock.patch("botocore.auth.get_current_datetime", return_value=now):
        client.send_text_message(**parameters)
    return made[0]


def judge(request):
    headers = {name.lower(): value for name, value in request["headers"]}
    problems = signature(request, headers)
    try:
        parameters = json.loads(request["body"])
        unknown = sorted(set(parameters) - set(model.input_shape.members))
        problems += [f"there is no parameter {name}" for name in unknown]
        problems += values(model.input_shape, parameters, OPERATION)
        theirs = request_of_botocore(parameters, headers["x-amz-date"])
    except (ValueError, KeyError, BotoCoreError) as error:
        return [*problems, str(error)]
    said = {name.lower(): value.decode() if isinstance(value, bytes) else value for name, value in theirs.headers.items()}
    for name in ["x-amz-target", "content-type", "x-amz-date"]:
        if headers.get(name) != said[name]:
            problems.append(f"botocore says {name}: {said[name]}")
    if (request["method"], request["path"]) != (theirs.method, "/" + theirs.url.split("/", 3)[3]):
        problems.append(f"botocore asks for {theirs.method} {theirs.url}")
    if json.loads(theirs.body) != parameters:
        problems.append(f"botocore's body is {theirs.body}")
    return problems


for one in options["requests"]:
    print(json.dumps(judge(one)), flush=True)
