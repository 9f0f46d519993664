//! Whether everything that an operation lists is known. Some operations list only what belongs to something (the records of a zone); then it
//! is known where that was asked of each, and what they belong to is known itself.

use model::sanitize;
use snapshot::{Coverage, Outcome, ReadRef, Snapshot};

/// What lists nothing by itself: the operation, what lists those that it is asked of, and their kind.
const OF_EACH: [(&str, &str, &str); 5] = [
    ("dynamodb:DescribeTable", "dynamodb:ListTables", "dynamodb:table"),
    ("ecs:DescribeServices", "ecs:ListServices", "ecs:service"),
    ("ecs:ListServices", "ecs:ListClusters", "ecs:cluster"),
    ("elbv2:DescribeTargetHealth", "elbv2:DescribeTargetGroups", "elbv2:target-group"),
    ("route53:ListResourceRecordSets", "route53:ListHostedZones", "route53:hosted-zone"),
];

/// What is missing, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) why: String,
    /// What was listed is there, and something else may be, too.
    pub(crate) in_part: bool,
}

/// The reads by which everything is known that `operation` lists in `region`.
pub(crate) fn whole(snapshot: &Snapshot<'_>, operation: &str, region: &str) -> Result<Vec<ReadRef>, Missing> {
    let coverage = snapshot.coverage(operation, region);
    match (&coverage, OF_EACH.iter().find(|(name, ..)| *name == operation)) {
        (Coverage::Whole(reads), _) => Ok(reads.clone()),
        (Coverage::NeverAsked, Some((_, listing, kind))) => {
            of_each(snapshot, operation, (listing, kind), region)
        }
        (lacking, _) => Err(missing(snapshot, operation, lacking)),
    }
}

fn of_each(
    snapshot: &Snapshot<'_>,
    operation: &str,
    (listing, kind): (&str, &str),
    region: &str,
) -> Result<Vec<ReadRef>, Missing> {
    let mut reads = match snapshot.coverage(listing, region) {
        Coverage::Whole(reads) => reads,
        Coverage::NeverAsked => return Err(missing(snapshot, operation, &Coverage::NeverAsked)),
        lacking => return Err(missing(snapshot, listing, &lacking)),
    };
    // What has no region belongs to all of them.
    let global = snapshot.coverage(listing, "").is_whole();
    for parent in snapshot.of_kind(kind).filter(|parent| global || parent.region.as_str() == region) {
        let answered = snapshot.answer(operation, parent.id.as_str());
        match answered {
            Some((read, answer)) if answer.outcome.is_whole() => reads.push(read),
            Some((read, answer)) => {
                return Err(missing(snapshot, operation, &Coverage::Lacking(read, answer.outcome)));
            }
            None => {
                let why = format!("{operation} was not asked of {}", sanitize(parent.name.as_str(), 120));
                return Err(Missing { why, in_part: true });
            }
        }
    }
    Ok(reads)
}

fn missing(snapshot: &Snapshot<'_>, operation: &str, coverage: &Coverage) -> Missing {
    let (why, in_part) = match coverage {
        Coverage::Whole(_) => (format!("{operation} was answered whole"), true),
        Coverage::Lacking(read, outcome) => {
            let why = snapshot.read(*read).and_then(|read| read.why.as_ref());
            let why = why.map_or_else(String::new, |why| format!(": {}", sanitize(why.as_str(), 120)));
            let read = sanitize(snapshot.id_of(*read), 80);
            (format!("{operation} was {} (read {read}){why}", outcome.name()), *outcome == Outcome::Truncated)
        }
        Coverage::InPart(read) => {
            let read = sanitize(snapshot.id_of(*read), 80);
            (format!("{operation} was asked with filters only (read {read})"), true)
        }
        Coverage::NeverAsked => (format!("{operation} was not asked"), false),
    };
    Missing { why, in_part }
}
