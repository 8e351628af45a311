"""Checks messages of the simulator against botocore's service models.

In: one JSON object a line, {"action", "status", "service", "request": {"method", "path", "headers", "body"}, "response"?}.
Out: one JSON object a line, {"action", "operation", "wrong": [...]}.
"""

import json
import sys
import xml.etree.ElementTree as ET

from botocore import loaders, model, parsers

import model_messages

# The scope of a signature, and what botocore calls the service.
NAMES = {
    "elasticloadbalancing": "elbv2",
    "autoscaling": "autoscaling",
    "ec2": "ec2",
    "iam": "iam",
    "sts": "sts",
    "ssm": "ssm",
    "s3": "s3",
    "monitoring": "cloudwatch",
}

LOADER = loaders.Loader()
SERVICES = {
    scope: model.ServiceModel(LOADER.load_service_model(name, "service-2"), name)
    for scope, name in NAMES.items()
}


def check(message):
    service = SERVICES[message["service"]]
    wrong = []
    operation, sent = model_messages.request(service, message["request"], wrong)
    if operation is not None:
        if message["status"] < 400 and message["status"] != 304:
            # What the server took must be what the model allows; what it refused need not be.
            model_messages.validate(sent, operation.input_shape, "request", wrong)
        if "response" in message and message["request"]["method"] != "HEAD":
            try:
                model_messages.response(service, operation, message["status"], message["response"], wrong)
            except (ET.ParseError, parsers.ResponseParserError, json.JSONDecodeError) as error:
                wrong.append(f"response: not well-formed: {error}")
    return {"action": message["action"], "operation": operation and operation.name, "wrong": wrong}


for line in sys.stdin:
    print(json.dumps(check(json.loads(line))))
