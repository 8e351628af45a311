"""Requests and responses of the protocols query, ec2, json and rest-xml, read by the shapes of a service model."""

import json
import urllib.parse
import xml.etree.ElementTree as ET

from botocore import parsers, validate as botocore_validate
from model_shapes import Form, enums, from_xml, scalar

# Error codes that every service may answer: API references, "Common errors".
COMMON = {
    "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthFailure", "ExpiredToken",
    "InternalFailure", "InternalError", "InvalidClientTokenId", "MissingParameter", "OptInRequired",
    "RequestExpired", "ServiceUnavailable", "SlowDown", "Throttling", "ThrottlingException",
    "RequestLimitExceeded", "ValidationError", "ValidationException", "InvalidParameterValue",
    "InvalidParameterCombination", "SignatureDoesNotMatch",
}


def request(service, message, wrong):
    """The operation and its input, decoded as far as the shapes know it."""
    target = message["headers"].get("x-amz-target")
    if target is not None:
        return json_request(service, target, message, wrong)
    if service.metadata["protocol"] == "rest-xml":
        return rest_request(service, message, wrong)
    return form_request(service, message, wrong)


def form_request(service, message, wrong):
    pairs = urllib.parse.parse_qsl(message["body"], keep_blank_values=True)
    fields = dict(pairs)
    if len(fields) != len(pairs):
        wrong.append("request: a parameter comes twice")
    name = fields.pop("Action", None)
    if name not in service.operation_names:
        wrong.append(f"request: the service has no operation {name}")
        return None, None
    version = fields.pop("Version", None)
    if version != service.api_version:
        wrong.append(f"request: version {version}, the model's is {service.api_version}")
    operation = service.operation_model(name)
    form = Form(service.metadata["protocol"] == "ec2", wrong)
    return operation, form.structure(form.tree(fields), operation.input_shape, "request")


def json_request(service, target, message, wrong):
    prefix, _, name = target.rpartition(".")
    expected = service.metadata.get("targetPrefix")
    if expected is not None and prefix != expected:
        wrong.append(f"request: target {prefix}, the model's is {expected}")
    if name not in service.operation_names:
        wrong.append(f"request: the service has no operation {name}")
        return None, None
    return service.operation_model(name), json.loads(message["body"] or "{}")


def rest_request(service, message, wrong):
    path, _, query = message["path"].partition("?")
    given = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
    name = given.pop("x-id", None)
    candidates = [
        operation
        for operation in map(service.operation_model, service.operation_names)
        if operation.http["method"] == message["method"] and matches(operation, path, given)
    ]
    # The most specific one: that with the most literal query parameters.
    candidates.sort(key=lambda each: len(literal_query(each)), reverse=True)
    operation = next((each for each in candidates if name in (None, each.name)), None)
    if operation is None:
        wrong.append(f"request: no operation is {message['method']} {message['path']}")
        return None, None
    return operation, rest_input(operation, path, given, message, wrong)


def literal_query(operation):
    return dict(
        urllib.parse.parse_qsl(operation.http["requestUri"].partition("?")[2], keep_blank_values=True)
    )


def matches(operation, path, given):
    template = operation.http["requestUri"].partition("?")[0]
    # Buckets are addressed by path here; newer models leave the bucket out of the template, since the host has it.
    parts = [part for part in path.strip("/").split("/", 1) if part]
    has_key = "{Key+}" in template
    addressed = len(parts) == (2 if has_key else 1) or (has_key and len(parts) > 1)
    return addressed and all(given.get(name) == value for name, value in literal_query(operation).items())


def rest_input(operation, path, given, message, wrong):
    sent = {}
    parts = path.strip("/").split("/", 1)
    by_location = {}
    for name, shape in operation.input_shape.members.items():
        where = shape.serialization
        by_location[(where.get("location"), where.get("name", name).lower())] = (name, shape)
    for key, value in given.items():
        if key in literal_query(operation):
            continue
        place(sent, by_location.get(("querystring", key.lower())), value, f"query parameter {key}", wrong)
    for key, value in message["headers"].items():
        known = by_location.get(("header", key.lower()))
        metadata = key.lower().startswith("x-amz-meta-")
        if known is not None:
            place(sent, known, value, key, wrong)
        elif key.startswith("x-amz-") and not metadata and key not in SIGNED:
            wrong.append(f"request: unknown header {key}")
    if "Bucket" in operation.input_shape.members:
        sent["Bucket"] = parts[0]
    if "Key" in operation.input_shape.members and len(parts) > 1:
        sent["Key"] = urllib.parse.unquote(parts[1])
    payload = operation.input_shape.serialization.get("payload")
    if payload is not None and message["body"]:
        shape = operation.input_shape.members[payload]
        if shape.type_name == "structure":
            sent[payload] = from_xml(ET.fromstring(message["body"]), shape, "request", wrong)
    return sent


# Headers of signatures and of the SDK itself, which belong to no operation.
SIGNED = {"x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "x-amz-user-agent", "x-amz-decoded-content-length", "x-amz-trailer"}


def place(sent, known, value, what, wrong):
    if known is None:
        wrong.append(f"request: unknown {what}")
        return
    name, shape = known
    sent[name] = scalar(value, shape, f"request.{name}", wrong)


def validate(value, shape, what, wrong):
    """Types, required members, ranges and unknown members by botocore itself; enum values by ours."""
    if shape is None:
        return
    report = botocore_validate.ParamValidator().validate(value, shape)
    if report.has_errors():
        wrong.extend(f"{what}: {line}" for line in report.generate_report().splitlines())
    enums(value, shape, what, wrong)


def response(service, operation, status, message, wrong):
    body = message["body"]
    if status >= 300:
        if status != 304 and body:
            error(service, operation, status, message, wrong)
        return
    shape = operation.output_shape
    protocol = service.metadata["protocol"]
    speaks_json = message["headers"].get("content-type", "").startswith("application/x-amz-json")
    if speaks_json:
        # Not by botocore's validator: timestamps are numbers here, and blobs base64.
        enums(json.loads(body or "{}"), shape, "response", wrong, unknown=True)
        return
    if protocol == "rest-xml":
        rest_output(shape, message, wrong)
        return
    document(operation, ET.fromstring(body), protocol, wrong)
    if wrong:
        return
    parsed = parsers.create_parser(protocol).parse(
        {"status_code": status, "headers": message["headers"], "body": body.encode()}, shape
    )
    if not parsed["ResponseMetadata"].get("RequestId"):
        wrong.append("response: no request id")


def document(operation, root, protocol, wrong):
    shape = operation.output_shape
    if local(root) != f"{operation.name}Response":
        wrong.append(f"response: the document is {local(root)}")
    if shape is None:
        return
    within = root
    if "resultWrapper" in shape.serialization:
        within = next((each for each in root if local(each) == shape.serialization["resultWrapper"]), None)
        if within is None:
            wrong.append(f"response: no {shape.serialization['resultWrapper']}")
            return
    elif protocol == "ec2":
        within = without(root, {"requestId"})
    validate(from_xml(within, shape, "response", wrong), shape, "response", wrong)


def rest_output(shape, message, wrong):
    if shape is None:
        return
    sent = {}
    headers = {
        member.serialization.get("name", name).lower(): (name, member)
        for name, member in shape.members.items()
        if member.serialization.get("location") == "header"
    }
    for key, value in message["headers"].items():
        if key.lower() in headers:
            name, member = headers[key.lower()]
            sent[name] = scalar(value, member, f"response.{name}", wrong)
        elif key.startswith("x-amz-") and key not in ANSWERED and not key.startswith("x-amz-meta-"):
            wrong.append(f"response: unknown header {key}")
    if "payload" not in shape.serialization and message["body"]:
        sent |= from_xml(ET.fromstring(message["body"]), shape, "response", wrong)
    validate(sent, shape, "response", wrong)


# Headers of every answer of S3.
ANSWERED = {"x-amz-request-id", "x-amz-id-2"}


def error(service, operation, status, message, wrong):
    if message["headers"].get("content-type", "").startswith("application/x-amz-json"):
        body = json.loads(message["body"])
        # `namespace#Code`; who sends a message writes it with either letter.
        given = {"Code": body.get("__type", "").rpartition("#")[2], "Message": body.get("message", body.get("Message"))}
    else:
        answer = {"status_code": status, "headers": message["headers"], "body": message["body"].encode()}
        given = parsers.create_parser(service.metadata["protocol"]).parse(answer, None).get("Error", {})
    code = given.get("Code")
    known = {shape.error_code for shape in operation.error_shapes} | {shape.name for shape in operation.error_shapes}
    statuses = {
        shape.error_code: shape.metadata.get("error", {}).get("httpStatusCode") for shape in operation.error_shapes
    }
    if not code:
        wrong.append("response: an error without a code")
    elif service.service_name not in ("ec2", "s3") and code not in known | COMMON:
        # The models of EC2 and S3 list next to no errors.
        wrong.append(f"response: {operation.name} answers no {code} by its model")
    elif statuses.get(code) not in (None, status):
        wrong.append(f"response: {code} has status {statuses[code]}, not {status}")
    if not given.get("Message"):
        wrong.append(f"response: {code} without a message")


def local(node):
    return node.tag.rpartition("}")[2]


def without(root, names):
    copy = ET.Element(root.tag)
    copy.extend(each for each in root if local(each) not in names)
    return copy
