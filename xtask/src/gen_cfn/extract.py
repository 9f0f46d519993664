"""Writes which properties of each CloudFormation type can change in place, from cfn-lint's resource schemas.

Usage: extract.py OUT. One row a type: type, in-place, create-only, conditional, read-only (names apart by blanks).
A property any part of which is create-only is conditional: it may replace the resource. A type that cannot be
updated has create-only properties alone.
"""

import json
import pathlib
import sys

import cfnlint

SCHEMAS = pathlib.Path(cfnlint.__file__).parent / "data" / "schemas"


def top(pointers):
    """The top-level properties of JSON pointers, as (whole, part)."""
    whole, part = set(), set()
    for pointer in pointers:
        steps = pointer.removeprefix("/properties/").split("/")
        (whole if len(steps) == 1 else part).add(steps[0])
    return whole, part - whole


def row(schema):
    names = set(schema.get("properties", {}))
    create_only, nested = top(schema.get("createOnlyProperties", []))
    conditional, nested_conditional = top(schema.get("conditionalCreateOnlyProperties", []))
    read_only, _ = top(schema.get("readOnlyProperties", []))
    conditional = (conditional | nested | nested_conditional) - create_only
    if "handlers" in schema and "update" not in schema["handlers"]:
        create_only |= names
    conditional -= create_only
    read_only -= create_only
    in_place = names - create_only - conditional - read_only
    return in_place, create_only & names, conditional & names, read_only & names


def main(out):
    versions = {}
    for provider in sorted((SCHEMAS / "providers").glob("*.json")):
        for name, digest in json.loads(provider.read_text()).items():
            versions.setdefault(name, set()).add(digest)
    lines = ["# Made by `cargo xtask gen cfn`; see xtask/src/gen_cfn. Do not edit."]
    lines.append("# type\tin-place\tcreate-only\tconditional\tread-only")
    for name in sorted(versions):
        in_place, rest = None, [set(), set(), set()]
        for digest in versions[name]:
            found = row(json.loads((SCHEMAS / "resources" / f"{digest}.json").read_text()))
            in_place = found[0] if in_place is None else in_place & found[0]
            rest = [kept | more for kept, more in zip(rest, found[1:])]
        cells = [" ".join(sorted(cell)) for cell in (in_place, *rest)]
        lines.append("\t".join([name, *cells]))
    pathlib.Path(out).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
