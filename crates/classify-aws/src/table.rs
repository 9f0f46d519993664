//! The operation tables: what each service and operation of AWS is called on the wire, and what class it is of.
//! Parsed once, from text that `cargo xtask gen aws` makes; hand judgement (`overrides.rs`) is laid over it later.
//!
//! `data/aws_services.tsv`, a row a service: `service` (botocore's name), `signing` (the name in a credential scope),
//! `endpoint_prefix`, `iam_prefix`, `protocols` (most preferred first), `target_prefix` (before the dot in
//! `X-Amz-Target`), `api_version`, `json_version`, `global_endpoint`, `title` (for people), `list_names` (in forms: what
//! an element of a list is called where that is not `member`; empty after `=`: the list is flattened).
//!
//! `data/aws_operations.tsv`, a row an operation: `service`, `operation`; for REST `method`, `uri`, `query` and
//! `headers` (wire names, `!` required, `*` any name), `payload` (`name:type` where one member is the whole body);
//! `host_prefix`; `iam_action` (empty: `iam_prefix:operation`; `-`: none known); `level` (R, L, W, T, P as the service
//! authorization data says; lower case: guessed); `class`; `flags` (`r` the model calls it read-only, `d` shows data,
//! `c` shows credentials, `e` takes an event stream, `u` unsigned by design); `drop` (idempotency tokens), `sensitive`
//! (names whose values are redacted), `identifiers` (`place:name`, `*` a list, `!` required; places: u path, q query,
//! h header, b body); `resource_type` (as the service authorization data names it).

use std::{
    collections::{BTreeMap, HashMap},
    sync::LazyLock,
};

const SERVICES: &str = include_str!("../data/aws_services.tsv");
const OPERATIONS: &str = include_str!("../data/aws_operations.tsv");

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::parse(SERVICES, OPERATIONS));

/// Every service and operation, sorted by name.
#[derive(Debug)]
pub struct Table {
    services: Vec<Service>,
    rows: Vec<Row>,
    by_signing: HashMap<&'static str, Vec<usize>>,
}

/// How requests of a service are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    Cbor,
    Json,
    Query,
    Ec2,
    RestJson,
    RestXml,
}

#[derive(Debug)]
pub struct Service {
    pub name: &'static str,
    pub signing: &'static str,
    pub endpoint_prefix: &'static str,
    pub iam_prefix: &'static str,
    pub protocols: Vec<Protocol>,
    pub target_prefix: &'static str,
    pub api_version: &'static str,
    pub json_version: &'static str,
    pub global_endpoint: &'static str,
    pub title: &'static str,
    pub list_names: BTreeMap<&'static str, &'static str>,
}

/// One operation as generated; see the module's documentation for the columns.
#[derive(Debug)]
pub struct Row {
    pub service: &'static str,
    pub operation: &'static str,
    pub method: &'static str,
    pub uri: &'static str,
    pub query: &'static str,
    pub headers: &'static str,
    pub payload: &'static str,
    pub host_prefix: &'static str,
    pub iam_action: &'static str,
    pub level: Level,
    pub class: Class,
    pub flags: &'static str,
    pub drop: &'static str,
    pub sensitive: &'static str,
    pub identifiers: &'static str,
    pub resource_type: &'static str,
}

/// What the service authorization data says the operation needs; the second field: guessed, because it says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Read,
    List,
    Write,
    Tagging,
    Permissions,
    GuessedRead,
    GuessedWrite,
}

/// What an operation does, by its verb and level; ascending by severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    Read,
    Tag,
    Create,
    Modify,
    Disrupt,
    Delete,
}

/// Where a member stands in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Path,
    Query,
    Header,
    Body,
}

/// A named member at its place: `u:FunctionName!`, `b:InstanceId*!`, `u:Id@HostedZone!` (what it names).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    pub place: Place,
    pub name: &'a str,
    pub noun: Option<&'a str>,
    pub list: bool,
    pub required: bool,
}

impl Table {
    /// The committed tables, parsed at first use.
    pub fn shared() -> &'static Self {
        &TABLE
    }

    /// The row of `operation` of `service` (botocore's names).
    pub fn get(&self, service: &str, operation: &str) -> Option<&Row> {
        let found = self.rows.binary_search_by(|row| (row.service, row.operation).cmp(&(service, operation)));
        found.ok().and_then(|index| self.rows.get(index))
    }

    pub fn service(&self, name: &str) -> Option<&Service> {
        let found = self.services.binary_search_by(|one| one.name.cmp(name));
        found.ok().and_then(|index| self.services.get(index))
    }

    /// The services that share a signing name, in the table's order.
    pub fn signed_as(&self, signing: &str) -> impl Iterator<Item = &Service> {
        self.by_signing.get(signing).into_iter().flatten().filter_map(|index| self.services.get(*index))
    }

    pub fn rows_of(&self, service: &str) -> &[Row] {
        let start = self.rows.partition_point(|row| row.service < service);
        let end = self.rows.partition_point(|row| row.service <= service);
        self.rows.get(start..end).unwrap_or_default()
    }

    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// A malformed line is left out (the operation is then unknown, and denied); a test finds it.
    fn parse(services: &'static str, operations: &'static str) -> Self {
        let mut services: Vec<Service> = services.lines().skip(1).filter_map(parse_service).collect();
        services.sort_by_key(|one| one.name);
        let mut rows: Vec<Row> = operations.lines().skip(1).filter_map(parse_row).collect();
        rows.sort_by_key(|row| (row.service, row.operation));
        let mut by_signing: HashMap<&'static str, Vec<usize>> = HashMap::new();
        for (index, service) in services.iter().enumerate() {
            by_signing.entry(service.signing).or_default().push(index);
        }
        Self { services, rows, by_signing }
    }
}

impl Protocol {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "smithy-rpc-v2-cbor" => Self::Cbor,
            "json" => Self::Json,
            "query" => Self::Query,
            "ec2" => Self::Ec2,
            "rest-json" => Self::RestJson,
            "rest-xml" => Self::RestXml,
            _ => return None,
        })
    }

    pub const fn is_form(self) -> bool {
        matches!(self, Self::Query | Self::Ec2)
    }

    pub const fn is_rest(self) -> bool {
        matches!(self, Self::RestJson | Self::RestXml)
    }
}

impl Service {
    pub fn speaks(&self, protocol: Protocol) -> bool {
        self.protocols.contains(&protocol)
    }

    /// The protocol whose wire names the table's columns use, and in which requests are built.
    pub fn protocol(&self) -> Protocol {
        let plain = self.protocols.iter().find(|one| **one != Protocol::Cbor);
        plain.or_else(|| self.protocols.first()).copied().unwrap_or(Protocol::Json)
    }

    /// `Amazon RDS` is `RDS` to people.
    pub fn short_title(&self) -> &'static str {
        let title = self.title;
        title.strip_prefix("AWS ").or_else(|| title.strip_prefix("Amazon ")).unwrap_or(title)
    }
}

impl Row {
    /// `rds:DeleteDBInstance`: what IAM calls it; the operation's own name where no data says otherwise.
    pub fn iam(&self, service: &Service) -> String {
        match self.iam_action {
            "" | "-" => format!("{}:{}", service.iam_prefix, self.operation),
            other => other.to_owned(),
        }
    }

    pub fn flagged(&self, flag: char) -> bool {
        self.flags.contains(flag)
    }

    pub fn identifiers(&self) -> impl Iterator<Item = Member<'static>> {
        members(self.identifiers)
    }

    pub fn dropped(&self) -> impl Iterator<Item = Member<'static>> {
        members(self.drop)
    }

    /// The uri's path, without its constant query.
    pub fn path(&self) -> &'static str {
        self.uri.split_once('?').map_or(self.uri, |(path, _)| path)
    }

    /// The constant query of the uri: `list-type=2`, `acl`.
    pub fn constants(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let query = self.uri.split_once('?').map_or("", |(_, query)| query);
        list(query, '&').map(|pair| pair.split_once('=').unwrap_or((pair, "")))
    }

    /// Names of query parameters, and whether each is required.
    pub fn query_names(&self) -> impl Iterator<Item = (&'static str, bool)> {
        list(self.query, ',').map(required)
    }

    /// Names of headers (lower case), and whether each is required.
    pub fn header_names(&self) -> impl Iterator<Item = (&'static str, bool)> {
        list(self.headers, ',').map(required)
    }
}

/// Parses `u:Bucket!,u:Key!`.
pub fn members(text: &str) -> impl Iterator<Item = Member<'_>> {
    list(text, ',').filter_map(|item| {
        let (place, name) = item.split_once(':')?;
        let (name, is_required) = required(name);
        let (name, noun) = name.split_once('@').map_or((name, None), |(name, noun)| (name, Some(noun)));
        let (name, list) = name.strip_suffix('*').map_or((name, false), |name| (name, true));
        let place = match place {
            "u" => Place::Path,
            "q" => Place::Query,
            "h" => Place::Header,
            "b" => Place::Body,
            _ => return None,
        };
        Some(Member { place, name, noun, list, required: is_required })
    })
}

fn list(text: &str, separator: char) -> impl Iterator<Item = &str> {
    text.split(separator).filter(|item| !item.is_empty())
}

fn required(name: &str) -> (&str, bool) {
    name.strip_suffix('!').map_or((name, false), |name| (name, true))
}

fn columns<const N: usize>(line: &'static str) -> Option<[&'static str; N]> {
    let cells: Vec<&'static str> = line.split('\t').collect();
    cells.try_into().ok()
}

fn parse_service(line: &'static str) -> Option<Service> {
    let [
        name,
        signing,
        endpoint_prefix,
        iam_prefix,
        protocols,
        target_prefix,
        api_version,
        json_version,
        global,
        title,
        lists,
    ] = columns(line)?;
    Some(Service {
        name,
        signing,
        endpoint_prefix,
        iam_prefix,
        protocols: list(protocols, ',').map(Protocol::parse).collect::<Option<_>>()?,
        target_prefix,
        api_version,
        json_version,
        global_endpoint: global,
        title,
        list_names: list(lists, ',').filter_map(|pair| pair.split_once('=')).collect(),
    })
}

fn parse_row(line: &'static str) -> Option<Row> {
    let [
        service,
        operation,
        method,
        uri,
        query,
        headers,
        payload,
        host_prefix,
        iam_action,
        level,
        class,
        flags,
        drop,
        sensitive,
        identifiers,
        resource_type,
    ] = columns(line)?;
    Some(Row {
        service,
        operation,
        method,
        uri,
        query,
        headers,
        payload,
        host_prefix,
        iam_action,
        level: Level::parse(level)?,
        class: Class::parse(class)?,
        flags,
        drop,
        sensitive,
        identifiers,
        resource_type,
    })
}

impl Level {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "R" => Self::Read,
            "L" => Self::List,
            "W" => Self::Write,
            "T" => Self::Tagging,
            "P" | "p" => Self::Permissions,
            "r" => Self::GuessedRead,
            "w" => Self::GuessedWrite,
            _ => return None,
        })
    }
}

impl Class {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "read" => Self::Read,
            "tag" => Self::Tag,
            "create" => Self::Create,
            "modify" => Self::Modify,
            "disrupt" => Self::Disrupt,
            "delete" => Self::Delete,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read_and_found_again() {
        let table = Table::shared();
        assert_eq!(table.services().len(), SERVICES.lines().count() - 1);
        assert_eq!(table.rows().len(), OPERATIONS.lines().count() - 1);
        assert!(table.rows().len() > 19_000);
        for row in table.rows() {
            let service = table.service(row.service).unwrap();
            assert!(std::ptr::eq(table.get(row.service, row.operation).unwrap(), row), "{row:?}");
            assert_eq!(service.protocol().is_rest(), !row.uri.is_empty(), "{row:?}");
            let all = [row.identifiers, row.drop].into_iter().flat_map(|text| list(text, ','));
            assert_eq!(all.count(), row.identifiers().chain(row.dropped()).count(), "{row:?}");
        }
    }

    #[test]
    fn the_operations_of_the_story_are_what_they_are() {
        let delete = Table::shared().get("cloudformation", "DeleteStack").unwrap();
        assert_eq!((delete.class, delete.level), (Class::Delete, Level::Write));
        assert_eq!(delete.identifiers, "b:StackName!");
        assert_eq!(delete.drop, "b:ClientRequestToken");
        let service = Table::shared().service("cloudformation").unwrap();
        assert_eq!((service.protocol(), service.short_title()), (Protocol::Query, "CloudFormation"));
    }
}
