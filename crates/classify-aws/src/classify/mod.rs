//! One request in, one action out: route, canonical parameters, effects, resources, and what people are shown. The
//! effects come from tables and from rules over parameters (`parameters`); what cannot be established is said
//! in `unknowns` and counts as the worse case. Where another table than ours is pinned, the stricter of the two counts
//! (`pinned`).

mod adopted;
pub mod effects;
mod marks;
pub(crate) mod parameters;
pub(crate) mod pinned;
pub(crate) mod quantity;
pub(crate) mod resources;
mod shown;
mod summary;
mod supposed;
mod terms;

use effects::Judged;
use parameters::{Patterns, Rules};

use model::{
    Account, Action, ActionParts, Effect, Fault, Marks, Operation, Partition, Quantity, Region, Request,
    Resource, Retags, Undo, Value,
};

use crate::{
    answer::{JsonVersion, Shape},
    gather,
    params::{self, ParamError},
    route::{RouteError, Routed, route},
    second_lock,
    table::{Protocol, Service, Table},
};

pub use adopted::{Objection, objection};
pub use pinned::Pinned;
pub use terms::{Override, Terms};

pub(crate) use pinned::Says;
pub(crate) use supposed::{Parameters, supposed};
pub(crate) use terms::Known;

/// The account that a session's virtual credentials stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub partition: Partition,
    pub account: Account,
    /// The role that the session is bound to.
    pub acting_as: Option<String>,
}

impl Target {
    pub const fn new(partition: Partition, account: Account) -> Self {
        Self { partition, account, acting_as: None }
    }
}

/// An action, and what forwarding and answering it take.
#[derive(Clone, Debug)]
pub struct Classified {
    pub action: Action,
    pub shape: Shape,
    /// The canonical parse (see `params`).
    pub params: Value,
    pub endpoint_prefix: String,
    pub host_prefix: Option<String>,
    pub signing_name: String,
    /// Its body is content that nothing else of the request depends on, and may be passed on as it comes.
    pub streams: bool,
}

/// Why a request could not be classified; it is denied, in the client's own error shape.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct ClassifyError {
    pub shape: Shape,
    /// Known where only its meaning is not.
    pub operation: Option<Operation>,
    pub fault: Fault,
    pub hint: String,
}

/// What `request`, signed for `signing_service` in `region`, would do in `target`.
pub fn classify(
    request: Request,
    signing_service: &str,
    region: &str,
    target: &Target,
    terms: &Terms,
) -> Result<Classified, ClassifyError> {
    let table = Table::shared();
    let routed = route(&request, signing_service, table)
        .map_err(|error| unroutable(&error, signing_service, table))?;
    let operation = routed.operation();
    let shape = shape(routed.service, routed.protocol);
    let fail = |fault, hint: &str| ClassifyError {
        shape,
        operation: Some(operation.clone()),
        fault,
        hint: hint.into(),
    };
    match terms.known(&routed) {
        Known::Yes => {}
        Known::No => {
            let hint = format!(
                "the bundle can adopt it: an operation override for `{operation}` says which effects it has"
            );
            let why = format!("{operation} is not in the operation table");
            return Err(fail(Fault::UnknownOperation(why), &hint));
        }
        Known::NotPinned => {
            let why = format!("{operation} is not in the operation table that is pinned");
            let hint = "this version of Countersign knows it, and it counts once its table is adopted: \
                        `countersign policy table`";
            return Err(fail(Fault::UnknownOperation(why), hint));
        }
        Known::Events => {
            let why = format!("{operation} sends a stream of events, which cannot be judged ahead");
            return Err(fail(Fault::UnknownOperation(why), "use an operation that takes its input whole"));
        }
    }
    let params = params::parse(&request, &routed).map_err(|error| {
        let oversized = matches!(error, ParamError::Oversized(_));
        let text = format!("{operation}: {error}");
        let fault = if oversized { Fault::Oversized(text) } else { Fault::Undecodable(text) };
        fail(fault, "send the request as the AWS SDKs and the AWS CLI do")
    })?;
    let region = Region(region.to_owned());
    let streams = routed.row.is_some_and(|row| row.service == "s3" && row.payload.ends_with(":blob"));
    let (action, host_prefix) = act(request, &routed, &params, region, target, terms);
    Ok(Classified {
        action,
        shape,
        params,
        endpoint_prefix: routed.service.endpoint_prefix.to_owned(),
        host_prefix,
        signing_name: routed.service.signing.to_owned(),
        streams,
    })
}

fn act(
    request: Request,
    routed: &Routed<'_>,
    params: &Value,
    region: Region,
    target: &Target,
    terms: &Terms,
) -> (Action, Option<String>) {
    let host_prefix = host_prefix(routed, params);
    let mut content = vec![
        ("params", params.clone()),
        ("endpoint", Value::text(routed.service.endpoint_prefix)),
        ("host_prefix", host_prefix.clone().map_or(Value::Null, Value::Text)),
    ];
    content.extend(target.acting_as.as_ref().map(|role| ("acting_as", Value::text(role))));
    let content = Value::map(content);
    let given = Given { params, body: &request.body, told: Told::Whole };
    let (parts, marks) = mean(routed, &given, region, target, terms);
    (Action::new(parts, &content, request).marked(marks), host_prefix)
}

/// What is known of a call's parameters.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a> {
    pub(crate) params: &'a Value,
    pub(crate) body: &'a [u8],
    pub(crate) told: Told,
}

/// How much of what was sent the parameters say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Whole,
    /// Some or all may be missing, and what they name with them: they could say the worst.
    InPart,
}

/// What a call of `routed` with these parameters is, whoever tells of it.
pub(crate) fn mean(
    routed: &Routed<'_>,
    given: &Given<'_>,
    region: Region,
    target: &Target,
    terms: &Terms,
) -> (ActionParts, Marks) {
    let Given { params, body, told } = *given;
    let operation = routed.operation();
    let (own, pinned) = (terms.overrides.get(&operation), &terms.pinned);
    let says = routed.row.map_or(Says::Same, |row| pinned.says(row.service, row.operation));
    let rows = routed.row.iter().chain(&routed.also);
    let mut judged = rows.map(|row| effects::of(row)).reduce(Judged::or).unwrap_or_else(Judged::worst);
    let mut unknowns = Vec::new();
    for other in &routed.also {
        unknowns.push(format!(
            "the request also fits {}:{}; the stricter was taken",
            other.service, other.operation
        ));
    }
    let mut named = resources::of(routed, params, target, pinned);
    unknowns.append(&mut named.unknowns);
    let mut readings = vec![operation.clone()];
    readings.extend(
        routed
            .also
            .iter()
            .map(|other| Operation { service: other.service.to_owned(), name: other.operation.to_owned() }),
    );
    if let Some(rules) = Rules::shared() {
        parameters::lower(rules, &readings, params, told, &mut judged);
    }
    // What the pinned table does not have is what the override says; and where that says what an answer shows, no less than
    // ours does.
    let overridden = own.is_some_and(|own| own.exposure.is_some()) && matches!(says, Says::Unknown);
    if let Some(theirs) = pinned.base(routed, &readings, params, told).filter(|_| !overridden) {
        judged = judged.or(theirs);
    }
    if let Some(own) = own {
        adopted::lay_over(own, routed.row.is_some(), &mut judged);
    }
    // After everything else: no override takes away what the parameters of this very request raise.
    let mut raised = parameters::raise(&readings, params, told, Patterns::Too, &mut judged);
    let theirs = pinned.raise(&readings, params, told, Patterns::Too, &mut judged);
    judged.effects = judged.effects.showing(judged.exposure);
    raised.hands_over &= !judged.exposure.credentials;
    if let Some(own) = own {
        adopted::rename(own, routed.row.is_some(), judged.exposure, &mut named.resources);
    }
    let mut also_says = Vec::new();
    match says {
        Says::Same => {}
        Says::Unknown => unknowns.push("the pinned operation table does not have it".to_owned()),
        Says::Otherwise(_) => {
            unknowns
                .push("the pinned operation table says otherwise of it; the stricter was taken".to_owned());
        }
    }
    if says.is_looked_at_otherwise() && !judged.effects.is_plain_read() {
        judged.effects = judged.effects.with(Effect::Destroy);
        also_says
            .push("is looked at otherwise than the pinned operation table says, and counts as not undoable");
    }
    let mut marks = marks::of(&operation, params, is_additive(&operation, &judged, says), &judged);
    marks.hands_over =
        raised.hands_over && routed.also.is_empty() && theirs.says.is_empty() && !pinned.roles_differ;
    let mut quantity = match says {
        Says::Otherwise(other) if other.quantity => Quantity::unknown(),
        Says::Unknown => Quantity::unknown(),
        Says::Same | Says::Otherwise(_) => quantity::of(&readings, params),
    };
    match told {
        Told::Whole => {}
        Told::InPart => {
            named.resources.push(Resource::unknown(routed.service.name));
            quantity = Quantity::unknown();
            if !judged.effects.is_plain_read() {
                marks.retags = Retags::Any;
            }
        }
    }
    let mut shown = shown::of(params, body, routed.row);
    unknowns.append(&mut shown.unknowns);
    let said: Vec<&str> = raised.says.iter().chain(&theirs.says).chain(&also_says).copied().collect();
    let summary = summary::of(routed, &named.resources, &said);
    let parts = ActionParts {
        undo: undo(&operation, &judged, own, says),
        quantity,
        summary: match &target.acting_as {
            Some(role) => format!("{summary} Acting as {role}."),
            None => summary,
        },
        operation,
        partition: target.partition.clone(),
        account: target.account.clone(),
        region,
        effects: judged.effects,
        exposure: judged.exposure,
        resources: if named.resources.is_empty() {
            vec![Resource::unknown(routed.service.name)]
        } else {
            named.resources
        },
        shown: shown.lines,
        unknowns,
        acting_as: target.acting_as.clone(),
        second_lock: None,
    };
    let locked = told == Told::Whole && !parts.effects.is_plain_read();
    let second_lock = locked.then(|| second_lock::of(&parts, params));
    (ActionParts { second_lock, ..parts }, marks)
}

fn undo(operation: &Operation, judged: &Judged, own: Option<&Override>, says: Says<'_>) -> Undo {
    let changes = judged.effects.iter().any(|effect| match effect {
        Effect::Read | Effect::Privilege => false,
        Effect::Emit | Effect::Spend | Effect::Write | Effect::Execute | Effect::Destroy => true,
    });
    if judged.effects.contains(Effect::Read) && !changes {
        return Undo::NotNeeded;
    }
    if own.is_some_and(|own| own.additive) {
        Undo::Additive
    } else if gather::has_inverse(operation) {
        if says.is_undone_alike() { Undo::Capturable } else { Undo::Unlisted }
    } else if is_additive(operation, judged, says) {
        Undo::Additive
    } else {
        Undo::Unlisted
    }
}

/// Listed as needing no inverse, by both tables.
fn is_additive(operation: &Operation, judged: &Judged, says: Says<'_>) -> bool {
    (judged.additive || gather::is_additive(operation)) && says.allows_additive()
}

/// `{AccountId}.`: the prefix that the operation puts before its service's host, its labels filled in.
fn host_prefix(routed: &Routed<'_>, params: &Value) -> Option<String> {
    let pattern = routed.row.map(|row| row.host_prefix).filter(|prefix| !prefix.is_empty())?;
    let mut out = String::new();
    let mut rest = pattern;
    while let Some((literal, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        out.push_str(literal);
        let lowered = format!("x-amz-{}", crate::kinds::words(name).join("-").to_ascii_lowercase());
        let label = params::member(params, name).or_else(|| params::member(params, &lowered))?.as_text()?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if label.is_empty() || label.len() > 63 || !label.bytes().all(plain) {
            return None;
        }
        out.push_str(label);
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

/// The shape in which a service's errors are written.
pub fn shape(service: &Service, protocol: Protocol) -> Shape {
    match protocol {
        Protocol::Cbor => Shape::Cbor,
        Protocol::Json if service.json_version == "1.0" => Shape::Json { version: JsonVersion::V1_0 },
        Protocol::Json => Shape::Json { version: JsonVersion::V1_1 },
        Protocol::Query => Shape::Query,
        Protocol::Ec2 => Shape::Ec2,
        Protocol::RestJson => Shape::RestJson,
        Protocol::RestXml if service.name == "s3" => Shape::S3,
        Protocol::RestXml => Shape::RestXml,
    }
}

fn unroutable(error: &RouteError, signing: &str, table: &Table) -> ClassifyError {
    let protocol = error.protocol();
    let service = table.signed_as(signing).find(|service| service.speaks(protocol));
    let shape = match (service.or_else(|| table.signed_as(signing).next()), protocol) {
        (Some(service), _) => shape(service, protocol),
        (None, _) => Shape::Json { version: JsonVersion::V1_1 },
    };
    let text = error.to_string();
    let (fault, hint) = match error {
        RouteError::UnknownService { .. } | RouteError::UnknownOperation { .. } => (
            Fault::UnknownOperation(text),
            "the operation table is made by `cargo xtask gen aws`; a newer one may know it",
        ),
        RouteError::Ambiguous { .. } | RouteError::Undecodable { .. } => {
            (Fault::Undecodable(text), "send the request as the AWS SDKs and the AWS CLI do")
        }
    };
    ClassifyError { shape, operation: None, fault, hint: hint.to_owned() }
}
