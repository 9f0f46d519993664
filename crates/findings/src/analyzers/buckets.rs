//! Buckets: uploads that were never ended, and what stays for ever because no lifecycle says otherwise.

use serde_json::json;
use snapshot::ReadRef;

use crate::{
    Class, Level, Saving,
    analyzer::Analyzer,
    draft::{Draft, Judged, Judgement, NotKnown, Proposal, StepDraft},
    kind,
    rhythm::day,
    signs::Signs,
    subject::{Answer, Subject},
    views::{Lifecycle, LifecycleRule, Uploads, Versioning},
};

pub(crate) const BUCKET_UPLOADS: Analyzer = Analyzer {
    name: "bucket-abandoned-uploads",
    class: Class::Waste,
    about: "A bucket that holds uploads begun before `upload_days` and never ended, and no lifecycle rule that ends them: they are paid for and seen in no listing.",
    kind: kind::BUCKET,
    listing: "s3:ListBuckets",
    against: &[],
    each: &["s3:GetBucketLifecycleConfiguration", "s3:ListMultipartUploads"],
    spared_by: Signs::Keep,
    judge: bucket_uploads,
};

fn bucket_uploads(subject: &Subject<'_, '_>) -> Judged {
    let (rules, lifecycle) = lifecycle(subject)?;
    if rules.iter().any(|rule| rule.status == "Enabled" && rule.abort_incomplete_multipart_upload.is_some()) {
        return Ok(Judgement::Fine);
    }
    let (uploads, read) = match subject.answer::<Uploads>("s3:ListMultipartUploads")? {
        Answer::Is(uploads, read) => (uploads.uploads, read),
        Answer::Absent(_) => return Ok(Judgement::Fine),
    };
    let left = uploads
        .iter()
        .filter(|upload| subject.days_since(upload.initiated) >= i64::from(subject.parameters.upload_days));
    let Some(oldest) = left.clone().map(|upload| upload.initiated).min() else { return Ok(Judgement::Fine) };
    let text = format!("{} uploads never ended, the oldest begun on {}", left.count(), day(oldest));
    let has = if rules.is_empty() {
        "it has no lifecycle".to_owned()
    } else {
        format!("none of its {} lifecycle rules ends uploads", rules.len())
    };
    let proposal = if rules.is_empty() {
        let rule = json!({ "ID": "abort-abandoned-uploads", "Status": "Enabled", "Filter": { "Prefix": "" },
            "AbortIncompleteMultipartUpload": { "DaysAfterInitiation": subject.parameters.upload_days } });
        let parameters = json!({ "Bucket": subject.name(), "LifecycleConfiguration": { "Rules": [rule] } });
        Proposal::Change(vec![StepDraft::new(
            "s3:PutBucketLifecycleConfiguration",
            parameters,
            "ends what was begun and not ended",
        )])
    } else {
        Proposal::Advice("it has rules of its own: a rule is added to them by hand, because a Put replaces them all, and what stands there now may have changed since it was read".into())
    };
    Draft::new("Uploads that were never ended", text, vec![read])
        .fact(has, vec![lifecycle])
        .because("both reads were answered whole")
        .saving(Saving::NotKnown("how much they hold, no listing tells".into()))
        .trap("A lifecycle Put replaces the whole document: every rule that is not in it is gone.")
        .trap("An upload that is slow on purpose (a large backup over weeks) is ended, too.")
        .propose(proposal, "a rule `AbortIncompleteMultipartUpload` in the bucket's `LifecycleConfiguration`")
        .found()
}

/// Its rules; none where the cloud says that it has no lifecycle.
fn lifecycle(subject: &Subject<'_, '_>) -> Result<(Vec<LifecycleRule>, ReadRef), NotKnown> {
    Ok(match subject.answer::<Lifecycle>("s3:GetBucketLifecycleConfiguration")? {
        Answer::Is(lifecycle, read) => (lifecycle.rules, read),
        Answer::Absent(read) => (Vec::new(), read),
    })
}

pub(crate) const BUCKET_WITHOUT_LIFECYCLE: Analyzer = Analyzer {
    name: "bucket-without-lifecycle",
    class: Class::Waste,
    about: "A bucket without a lifecycle rule that is on, or one that keeps versions without a rule for those that were replaced: what is put there stays, and is paid for.",
    kind: kind::BUCKET,
    listing: "s3:ListBuckets",
    against: &[],
    each: &["s3:GetBucketLifecycleConfiguration", "s3:GetBucketVersioning"],
    spared_by: Signs::All,
    judge: bucket_without_lifecycle,
};

fn bucket_without_lifecycle(subject: &Subject<'_, '_>) -> Judged {
    let (rules, lifecycle) = lifecycle(subject)?;
    let (versions, versioning) = match subject.answer::<Versioning>("s3:GetBucketVersioning")? {
        // Suspended: what was there before still is.
        Answer::Is(versioning, read) => (versioning.status.is_some(), read),
        Answer::Absent(read) => (false, read),
    };
    let on = || rules.iter().filter(|rule| rule.status == "Enabled");
    let replaced = |rule: &LifecycleRule| {
        rule.noncurrent_version_expiration.is_some() || !rule.noncurrent_version_transitions.is_empty()
    };
    let (none, versions_stay) = (on().next().is_none(), versions && !on().any(replaced));
    if !none && !versions_stay {
        return Ok(Judgement::Fine);
    }
    let has =
        if none { "no lifecycle rule of it is on" } else { "none of its rules is for replaced versions" };
    let draft = Draft::new("Storage without a lifecycle", has, vec![lifecycle])
        .saving(Saving::NotKnown("how much it holds was not read".into()))
        .trap("A lifecycle Put replaces the whole document: every rule that is not in it is gone.")
        .trap("What a rule expires is deleted for good, and replaced versions are what a mistaken delete is undone by.");
    let draft = if versions_stay {
        draft
            .fact("it keeps what was replaced and deleted as versions", vec![versioning])
            .at_most(Level::Medium, "how many versions there are, and who may want them back, no read tells")
    } else {
        draft.at_most(Level::Low, "how much it holds, and how long that has to be kept, no read tells")
    };
    draft
        .propose(
            Proposal::Advice("a rule that moves to a cheaper class or expires what nobody needs any more; because it deletes, people decide which".into()),
            "a `LifecycleConfiguration` of the bucket",
        )
        .found()
}
