//! Whether what is written on a resource is known. Some lists do not have tags: they are read apart, of each resource, and may be refused
//! where the list was not. A tag that was not read is not a tag that is not there: somebody may have written on it that it is to be kept.

use snapshot::{Resource, Snapshot};

use crate::{draft::NotKnown, kind};

/// By what the tags of a kind are read, where what lists it does not have them.
const APART: [(&str, &str); 6] = [
    (kind::BUCKET, "s3:GetBucketTagging"),
    (kind::FUNCTION, "lambda:ListTags"),
    (kind::LOAD_BALANCER, "elbv2:DescribeTags"),
    (kind::LOG_GROUP, "logs:ListTagsForResource"),
    (kind::REPOSITORY, "ecr:ListTagsForResource"),
    (kind::TABLE, "dynamodb:ListTagsOfResource"),
];

/// What reads the tags of a kind apart from its list.
pub fn tags_read(kind: &str) -> Option<&'static str> {
    APART.iter().find(|(of, _)| *of == kind).map(|(_, operation)| *operation)
}

/// `Err`: what tags it has is not known, and why.
pub(crate) fn known(snapshot: &Snapshot<'_>, resource: &Resource<'_>) -> Result<(), NotKnown> {
    let Some(operation) = tags_read(resource.kind.as_str()) else { return Ok(()) };
    let how = match snapshot.answer(operation, resource.id.as_str()) {
        Some((_, read)) if read.outcome.is_whole() => return Ok(()),
        Some((_, read)) => read.outcome.name(),
        None => "not asked",
    };
    Err(NotKnown(format!("{operation} was {how}: whether a tag keeps it is not known")))
}
