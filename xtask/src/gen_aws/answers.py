"""Writes how the operations that a scan reads answer: from botocore's models, cut down to what the table of collectors uses.

What it is not: a place that decides what is read or kept. That stands in crates/inventory/data/collectors.toml.
Usage: answers.py COLLECTORS_TOML OUTPUT_JSON
"""

import gzip
import json
import re
import sys
import tomllib
from pathlib import Path

import botocore

DATA = Path(botocore.__file__).parent / "data"
AMBIENT = {"partition", "account", "region"}
SCALARS = {
    "string": "text", "character": "text", "integer": "int", "long": "int", "float": "float", "double": "float",
    "boolean": "bool", "timestamp": "time",
}


def newest(service, name):
    for version in sorted((DATA / service).iterdir(), reverse=True):
        for file in (version / f"{name}.json.gz", version / f"{name}.json"):
            if file.exists():
                opened = gzip.open(file, "rt", encoding="utf-8") if file.suffix == ".gz" else open(file, encoding="utf-8")
                with opened as text:
                    return json.load(text)
    return {}


def places(template):
    """The paths in a template that lead into the item."""
    for inner in re.findall(r"\{([^{}]*)\}", template or ""):
        path = inner.split("|")[0]
        if path not in AMBIENT and not path.startswith("^"):
            yield path


def join(*parts):
    return ".".join(part for part in parts if part)


def used(collector):
    """Every path into the answer that a collector uses."""
    under = collector.get("under", "")
    yield under, False
    item = list(collector.get("keep", [])) + [collector[it] for it in ("tags",) if collector.get(it)]
    for name in ("id", "name", "region"):
        item += places(collector.get(name, ""))
    for rule in collector.get("edge", []):
        each = rule.get("each", "")
        find = rule.get("find", {})
        texts = [rule.get("from"), rule.get("to"), find.get("is"), find.get("type")]
        inner = [path for text in texts for path in places(text)] + [it.split(" ")[0] for it in rule.get("when", [])]
        item += [join(each, path) for path in inner]
    for rule in collector.get("metric", []):
        item += [path for text in rule["dimensions"].values() for path in places(text)]
        item += [it.split(" ")[0] for it in rule.get("when", [])]
    for path in item:
        yield join(under, path), True


def trie(paths):
    root = {}
    for path, whole in paths:
        node = root
        for step in filter(None, path.split(".")):
            node = node.setdefault(step, {})
        if whole:
            node["*"] = {}
    return root


class Model:
    def __init__(self, service):
        model = newest(service, "service-2")
        self.shapes, self.operations = model["shapes"], model["operations"]
        protocols = model["metadata"].get("protocols") or [model["metadata"]["protocol"]]
        plain = [it for it in protocols if it != "smithy-rpc-v2-cbor"]
        self.protocol = (plain or protocols)[0]
        self.is_xml = self.protocol in ("query", "ec2", "rest-xml")

    def form(self, name, wanted, depth=0):
        """A shape in our notation, cut down to `wanted`; None where nothing of it is."""
        shape = self.shapes[name]
        if shape.get("sensitive") or depth > 12:
            return None
        kind = shape["type"]
        whole = "*" in wanted
        if kind in SCALARS:
            return SCALARS[kind]
        if kind == "list":
            inner = self.form(shape["member"]["shape"], wanted, depth + 1)
            if inner is None:
                return None
            item = shape["member"].get("locationName", "member")
            return {"list": inner, "item": item} if self.is_xml and not shape.get("flattened") else {"list": inner}
        if kind == "map":
            inner = self.form(shape["value"]["shape"], {"*": {}}, depth + 1)
            return None if inner is None else {"map": inner}
        if kind != "structure":
            return None
        members = {}
        for member, spec in shape.get("members", {}).items():
            if member not in wanted and not whole or spec.get("location") or spec.get("sensitive"):
                continue
            inner = self.form(spec["shape"], {"*": {}} if whole else wanted[member], depth + 1)
            if inner is None:
                continue
            target = self.shapes[spec["shape"]]
            wire = spec.get("locationName", member) if self.is_xml or self.protocol == "rest-json" else member
            if self.is_xml and target["type"] == "list" and (target.get("flattened") or spec.get("flattened")):
                wire = target["member"].get("locationName", wire)
            members[member] = [wire, inner]
        return members

    def wire(self, operation, parameter):
        """What a parameter of a request is called on the wire."""
        shape = self.shapes[self.operations[operation]["input"]["shape"]]
        spec = shape["members"][parameter]
        if self.protocol == "ec2":
            name = spec.get("queryName") or spec.get("locationName", parameter)
            return name[0].upper() + name[1:]
        return spec.get("locationName", parameter) if self.protocol in ("rest-xml", "rest-json") else parameter


def unlisted(model, operation):
    """How an operation goes on that has pages and no paginator."""
    members = lambda way: model.shapes[model.operations[operation].get(way, {}).get("shape", "")].get("members", {})
    if "input" not in model.operations[operation]:
        return None
    token = next((it for it in ("NextToken", "nextToken") if it in members("input") and it in members("output")), None)
    return {"input_token": token, "output_token": token} if token else None


def pages(service, model, operation):
    found = newest(service, "paginators-1").get("pagination", {}).get(operation) or unlisted(model, operation)
    if not found:
        return None
    many = lambda it: [it] if isinstance(it, str) else list(it)
    answer = {
        "from": [token.split(" || ")[0] for token in many(found["output_token"])],
        "to": [model.wire(operation, token) for token in many(found["input_token"])],
    }
    if found.get("more_results"):
        answer["more"] = found["more_results"]
    return answer


def main(collectors, output):
    with open(collectors, "rb") as file:
        table = tomllib.load(file)
    paths = {}
    for collector in table["collect"] + table.get("check", []):
        paths.setdefault(collector["call"], []).extend(used(collector))
    answers, models = {}, {}
    for call in sorted(paths):
        service, operation = call.split(":")
        model = models.setdefault(service, Model(service))
        if operation not in model.operations:
            sys.exit(f"{call} is no operation of botocore's model")
        going_on = pages(service, model, operation)
        wanted = trie(paths[call])
        for token in (going_on["from"] + [going_on.get("more")] if going_on else []):
            if token:
                wanted.setdefault(token, {})["*"] = {}
        shape = model.form(model.operations[operation]["output"]["shape"], wanted)
        answers[call] = {"shape": shape, **({"pages": going_on} if going_on else {})}
    lines = ",\n".join(f'"{call}": {json.dumps(answer, sort_keys=True)}' for call, answer in answers.items())
    Path(output).write_text("{\n" + lines + "\n}\n", "utf-8")


main(*sys.argv[1:])
