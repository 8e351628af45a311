"""Values by shapes: from forms and from XML, with everything that a shape does not know reported."""

import base64
import datetime
import re


def scalar(text, shape, what, wrong):
    kind = shape.type_name
    try:
        if kind in ("integer", "long"):
            return int(text)
        if kind in ("float", "double"):
            return float(text)
        if kind == "boolean":
            if text not in ("true", "false"):
                raise ValueError(text)
            return text == "true"
        if kind == "timestamp":
            return timestamp(text)
        if kind == "blob":
            return base64.b64decode(text, validate=True)
    except ValueError:
        wrong.append(f"{what}: {text!r} is no {kind}")
        return None
    return text


def timestamp(text):
    if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text):
        return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    # In headers.
    return datetime.datetime.strptime(text, "%a, %d %b %Y %H:%M:%S GMT")


def enums(value, shape, what, wrong, unknown=False):
    """Values that an enum does not list; with `unknown`, members that a structure does not have."""
    kind = shape.type_name
    if value is None:
        return
    if kind == "structure":
        for name, inner in value.items():
            if name in shape.members:
                enums(inner, shape.members[name], f"{what}.{name}", wrong, unknown)
            elif unknown:
                wrong.append(f"{what}: unknown member {name}")
        for name in shape.required_members if unknown else []:
            if name not in value:
                wrong.append(f"{what}: no {name}")
    elif kind == "list":
        for index, inner in enumerate(value):
            enums(inner, shape.member, f"{what}[{index}]", wrong, unknown)
    elif kind == "map":
        for inner in value.values():
            enums(inner, shape.value, what, wrong, unknown)
    elif kind == "string" and shape.enum and value not in shape.enum:
        wrong.append(f"{what}: {value!r} is none of {', '.join(shape.enum)}")


class Form:
    """Parameters of a form as the protocols query and ec2 write them (botocore.serialize, QuerySerializer and EC2Serializer)."""

    def __init__(self, ec2, wrong):
        self.ec2 = ec2
        self.wrong = wrong

    def tree(self, fields):
        root = {}
        for path, value in fields.items():
            at = root
            *parents, last = path.split(".")
            for part in parents:
                at = at.setdefault(part, {})
            at[last] = value
        return root

    def name(self, member, shape):
        where = shape.serialization
        if self.ec2:
            if "queryName" in where:
                return where["queryName"]
            name = where.get("name", member)
            return name[0].upper() + name[1:]
        if shape.type_name == "list" and where.get("flattened"):
            return shape.member.serialization.get("name", where.get("name", member))
        return where.get("name", member)

    def value(self, given, shape, what):
        if shape.type_name == "structure":
            return self.structure(given, shape, what)
        if shape.type_name == "list":
            return self.list(given, shape, what)
        if shape.type_name == "map":
            self.wrong.append(f"{what}: a map, which this check does not read")
            return {}
        if not isinstance(given, str):
            self.wrong.append(f"{what}: a structure where {shape.type_name} is expected")
            return None
        return scalar(given, shape, what, self.wrong)

    def structure(self, given, shape, what):
        if shape is None:
            if given:
                self.wrong.append(f"{what}: the operation takes nothing")
            return {}
        if not isinstance(given, dict):
            self.wrong.append(f"{what}: {given!r} is no structure")
            return {}
        names = {self.name(member, inner): (member, inner) for member, inner in shape.members.items()}
        result = {}
        for name, inner in given.items():
            if name not in names:
                self.wrong.append(f"{what}: unknown parameter {name}")
                continue
            member, inner_shape = names[name]
            result[member] = self.value(inner, inner_shape, f"{what}.{member}")
        return result

    def list(self, given, shape, what):
        if given == "":
            return []
        if not self.ec2 and not shape.serialization.get("flattened"):
            wrapper = shape.member.serialization.get("name", "member")
            if not isinstance(given, dict) or list(given) != [wrapper]:
                self.wrong.append(f"{what}: a list without {wrapper}")
                return []
            given = given[wrapper]
        numbers = sorted(map(int, given))
        if numbers != list(range(1, len(numbers) + 1)):
            self.wrong.append(f"{what}: the list is numbered {numbers}")
        return [self.value(given[str(number)], shape.member, f"{what}[{number}]") for number in numbers]


def from_xml(node, shape, what, wrong):
    kind = shape.type_name
    if kind == "structure":
        return structure_from_xml(node, shape, what, wrong)
    if kind == "list":
        item = shape.member.serialization.get("name", "member")
        for child in node:
            if local(child) != item:
                wrong.append(f"{what}: a list has {local(child)} where {item} is expected")
        return [from_xml(child, shape.member, f"{what}[{index}]", wrong) for index, child in enumerate(node)]
    if kind == "map":
        wrong.append(f"{what}: a map, which this check does not read")
        return {}
    if len(node) > 0:
        wrong.append(f"{what}: a structure where {kind} is expected")
        return None
    return scalar(node.text or "", shape, what, wrong)


def structure_from_xml(node, shape, what, wrong):
    names = {}
    for member, inner in shape.members.items():
        if "location" in inner.serialization:
            continue
        flat = inner.type_name == "list" and inner.serialization.get("flattened")
        name = inner.serialization.get("name", member)
        if flat:
            name = inner.member.serialization.get("name", name)
        names[name] = (member, inner, flat)
    result = {}
    for child in node:
        name = local(child)
        if name not in names:
            wrong.append(f"{what}: unknown member {name}")
            continue
        member, inner, flat = names[name]
        if flat:
            result.setdefault(member, []).append(from_xml(child, inner.member, f"{what}.{member}", wrong))
        elif member in result:
            wrong.append(f"{what}: {name} comes twice")
        else:
            result[member] = from_xml(child, inner, f"{what}.{member}", wrong)
    return result


def local(node):
    return node.tag.rpartition("}")[2]
