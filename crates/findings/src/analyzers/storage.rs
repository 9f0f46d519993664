//! Waste in what is stored: volumes, their snapshots, images, logs, container images.

use model::Timestamp;
use serde::de::IgnoredAny;
use serde_json::json;
use snapshot::{EdgeKind, Outcome, Resource};

use super::in_use;
use crate::{
    Class, Level, Saving,
    analyzer::Analyzer,
    draft::{Draft, Judged, Judgement, NotKnown, Proposal, StepDraft, spared},
    kind,
    money::Micros,
    price_of::{self, Bound},
    rhythm::{self, Metric, day},
    signs::Signs,
    subject::{Answer, Subject},
    views::{DiskSnapshot, Image, LastLaunched, LogGroup, Modification, Volume},
};

pub(crate) const VOLUME_UNATTACHED: Analyzer = Analyzer {
    name: "volume-unattached",
    class: Class::Waste,
    about: "A volume that is attached to nothing (state `available`), older than `volume_days`, and neither read nor written for `idle_days`.",
    kind: kind::VOLUME,
    listing: "ec2:DescribeVolumes",
    against: &["ec2:DescribeInstances"],
    each: &["cloudwatch:GetMetricData"],
    spared_by: Signs::All,
    judge: volume_unattached,
};

const VOLUME_USE: [Metric; 2] = [
    Metric { namespace: "AWS/EBS", name: "VolumeReadOps", statistic: "Sum", above: 0.0 },
    Metric { namespace: "AWS/EBS", name: "VolumeWriteOps", statistic: "Sum", above: 0.0 },
];

fn volume_unattached(subject: &Subject<'_, '_>) -> Judged {
    let volume: Volume = subject.attributes()?;
    let age = subject.days_since(volume.create_time);
    if volume.state != "available" || age < i64::from(subject.parameters.volume_days) {
        return Ok(Judgement::Fine);
    }
    let rhythm = rhythm::of(subject, Some(volume.create_time), &VOLUME_USE)?;
    if let Some(stands) = in_use(subject, &rhythm)? {
        return Ok(stands);
    }
    if let Some(edge) = subject.led_to_by(EdgeKind::RefersTo).next() {
        return spared(format!("{} refers to it", model::sanitize(edge.from.as_str(), 200)));
    }
    let owner = subject
        .leads_to(EdgeKind::AttachedTo)
        .find(|edge| subject.snapshot.resource(edge.to.as_str()).is_none());
    let instances = subject.whole("ec2:DescribeInstances")?;
    let listed = subject.listed();
    let text = format!(
        "{} GB of {}, attached to nothing, made {} days ago",
        volume.size,
        model::sanitize(&volume.volume_type, 20),
        age
    );
    let mut draft = Draft::new("Volume that nothing is attached to", text, listed)
        .fact(rhythm.tells(), rhythm.reads.clone())
        .saving(subject.whole_cost())
        .trap("An unattached volume may be a data disk of something that is started by hand.")
        .trap("A restored volume has another id, and is slow until all of it was read once.");
    draft = match owner {
        Some(edge) => {
            let text = format!(
                "it was attached to {}, which is no longer there",
                model::sanitize(edge.to.as_str(), 200)
            );
            draft.fact(text, [vec![edge.read], instances].concat())
        }
        None => draft,
    };
    let copy = json!({ "VolumeId": subject.name(), "Description": "before the unused volume is deleted" });
    let steps = vec![
        StepDraft::new("ec2:CreateSnapshot", copy, "keeps what is on it; go on only once it is completed"),
        StepDraft::new("ec2:DeleteVolume", json!({ "VolumeId": subject.name() }), "ends what is paid for it"),
    ];
    rhythm
        .sure(draft, subject.parameters)
        .propose(
            Proposal::Retire(steps),
            "take the volume out of the template, with `DeletionPolicy: Snapshot`",
        )
        .found()
}

pub(crate) const VOLUME_OLD_GENERATION: Analyzer = Analyzer {
    name: "volume-old-generation",
    class: Class::Waste,
    about: "A volume of type gp2 that is in use: gp3 gives the same for less, and is changed to without a pause.",
    kind: kind::VOLUME,
    listing: "ec2:DescribeVolumes",
    against: &["ec2:DescribeVolumesModifications"],
    each: &[],
    spared_by: Signs::Keep,
    judge: volume_old_generation,
};

/// What every gp3 volume has.
const GP3_IOPS: u64 = 3_000;
const GP3_THROUGHPUT: u64 = 125;

fn volume_old_generation(subject: &Subject<'_, '_>) -> Judged {
    let volume: Volume = subject.attributes()?;
    if volume.volume_type != "gp2" || volume.state != "in-use" {
        return Ok(Judgement::Fine);
    }
    if let Some(why) = changed_lately(subject)? {
        return spared(why);
    }
    // gp2 has three operations a second for each GB, at least 100 and at most 16,000; it bursts to 3,000 and to 250 MB/s.
    let iops = (volume.size * 3).clamp(GP3_IOPS, 16_000);
    let throughput = if volume.size > 170 { 250 } else { GP3_THROUGHPUT };
    let then = Volume { volume_type: "gp3".into(), iops, throughput, state: volume.state.clone(), ..volume };
    let saving = cheaper(subject, &then);
    if matches!(&saving, Saving::Known(amount) if amount.micros == Micros(0)) {
        return spared("with as many operations and as much throughput as it has now, gp3 costs no less");
    }
    let parameters =
        json!({ "VolumeId": subject.name(), "VolumeType": "gp3", "Iops": iops, "Throughput": throughput });
    let text = format!("{} GB of gp2 in use", volume.size);
    let to = format!("gp3 with {iops} operations a second and {throughput} MB/s");
    Draft::new("Volume of an old generation", text, subject.listed())
        .because("type and size say all that it rests on")
        .saving(saving)
        .trap(
            "A volume that was changed cannot be changed again for six hours: it cannot be put back at once.",
        )
        .trap("While it is changed, which takes hours for a large one, it may be slower.")
        .propose(
            Proposal::Change(vec![StepDraft::new(
                "ec2:ModifyVolume",
                parameters,
                format!("makes it {to}, while it is in use"),
            )]),
            format!("the volume's `VolumeType`, `Iops` and `Throughput`: {to}"),
        )
        .found()
}

/// Between two changes of a volume lie six hours, and while one is under way there is no other.
fn changed_lately(subject: &Subject<'_, '_>) -> Result<Option<String>, NotKnown> {
    const HOURS: i64 = 6;
    let id = subject.id().replacen(":volume/", ":volume-modification/", 1);
    let change = |it: &&Resource<'_>| it.kind.as_str() == kind::MODIFICATION;
    let Some(last) = subject.snapshot.resource(&id).filter(change) else {
        return Ok(None);
    };
    let parsed = last.views.first().and_then(|view| view.parse::<Modification>().ok());
    let change = parsed.ok_or_else(|| NotKnown("when it was last changed is not understood".into()))?;
    if matches!(change.modification_state.as_str(), "modifying" | "optimizing") {
        return Ok(Some("it is being changed".into()));
    }
    let since = change.end_time.unwrap_or(change.start_time);
    Ok((since.plus_seconds(HOURS * 3600) > subject.now)
        .then(|| format!("it was changed at {since}: for {HOURS} hours it cannot be changed again")))
}

fn cheaper(subject: &Subject<'_, '_>, then: &Volume) -> Saving {
    let now = match subject.whole_cost() {
        Saving::Known(now) => now,
        not_known @ Saving::NotKnown(_) => return not_known,
    };
    match price_of::amount(&price_of::volume(then), Bound::Exact, subject.region(), subject.prices) {
        Ok(then) => {
            let micros = now.micros.less(then.micros);
            Saving::Known(crate::Amount { micros, approximate: now.approximate || then.approximate, ..now })
        }
        Err(why) => Saving::NotKnown(why),
    }
}

pub(crate) const SNAPSHOT_ORPHANED: Analyzer = Analyzer {
    name: "snapshot-orphaned",
    class: Class::Waste,
    about: "A disk snapshot older than `snapshot_days` whose volume is gone, that no image is made of, that nothing refers to, that no other account may use, and that no backup service made.",
    kind: kind::SNAPSHOT,
    listing: "ec2:DescribeSnapshots",
    against: &["ec2:DescribeVolumes", "ec2:DescribeImages", "ec2:DescribeLaunchTemplateVersions"],
    each: &["ec2:DescribeSnapshotAttribute"],
    spared_by: Signs::All,
    judge: snapshot_orphaned,
};

/// Those services delete what they made by their own rules.
const MADE_BY: [&str; 3] = ["aws:backup:source-resource", "aws:dlm:lifecycle-policy-id", "dlm:managed"];

fn snapshot_orphaned(subject: &Subject<'_, '_>) -> Judged {
    let disk: DiskSnapshot = subject.attributes()?;
    let age = subject.days_since(disk.start_time);
    if age < i64::from(subject.parameters.snapshot_days) {
        return Ok(Judgement::Fine);
    }
    let source = subject.snapshot.named(kind::VOLUME, &disk.volume_id, subject.region());
    if source.is_some() || subject.led_to_by(EdgeKind::MadeFrom).next().is_some() {
        return Ok(Judgement::Fine);
    }
    if let Some(edge) = subject.led_to_by(EdgeKind::RefersTo).next() {
        return spared(format!("{} refers to it", model::sanitize(edge.from.as_str(), 200)));
    }
    let tags = subject.tags()?;
    if tags.iter().any(|(key, _)| MADE_BY.contains(&key.as_str()))
        || disk.description.starts_with("This snapshot is created by the AWS Backup service")
    {
        return spared("a backup service made it, and deletes it by its own rules");
    }
    if let Answer::Is(_, _) = subject.answer::<IgnoredAny>("ec2:DescribeSnapshotAttribute")?
        && let Some(edge) = subject.leads_to(EdgeKind::SharedWith).next()
    {
        return spared(format!("it is shared with {}", model::sanitize(edge.to.as_str(), 100)));
    }
    let volumes = subject.whole("ec2:DescribeVolumes")?;
    let images = subject.whole("ec2:DescribeImages")?;
    let text =
        format!("snapshot of {} GB, made on {} ({age} days ago)", disk.volume_size, day(disk.start_time));
    let gone = format!("its volume {} is no longer there", model::sanitize(&disk.volume_id, 60));
    Draft::new("Snapshot whose volume is gone", text, subject.listed())
        .fact(gone, volumes)
        .fact("no image is made of it", images)
        .at_most(Level::Medium, "since when nobody needs it, no read can tell; it may be the last copy")
        .saving(subject.whole_cost())
        .trap("It may be the only copy that is left of what was on the volume.")
        .trap("Snapshots share what they have in common: deleting one frees less than its size, sometimes nothing.")
        .propose(
            Proposal::Retire(vec![StepDraft::new(
                "ec2:DeleteSnapshot",
                json!({ "SnapshotId": subject.name() }),
                "deletes it for good, unless a rule of the recycle bin keeps it",
            )]),
            "take the snapshot out of the template",
        )
        .found()
}

pub(crate) const IMAGE_UNUSED: Analyzer = Analyzer {
    name: "image-unused",
    class: Class::Waste,
    about: "A machine image older than `image_days` that no instance, template or scaling group names, that nothing was started from for as long, and that no other account may use.",
    kind: kind::IMAGE,
    listing: "ec2:DescribeImages",
    against: &[
        "ec2:DescribeInstances",
        "ec2:DescribeLaunchTemplateVersions",
        "autoscaling:DescribeLaunchConfigurations",
    ],
    each: &["ec2:DescribeImageAttribute"],
    spared_by: Signs::All,
    judge: image_unused,
};

fn image_unused(subject: &Subject<'_, '_>) -> Judged {
    let image: Image = subject.attributes()?;
    let old = |time: Timestamp| subject.days_since(time) >= i64::from(subject.parameters.image_days);
    let named = [EdgeKind::MadeFrom, EdgeKind::RefersTo]
        .into_iter()
        .any(|kind| subject.led_to_by(kind).next().is_some());
    if image.state != "available" || !old(image.creation_date) || named {
        return Ok(Judgement::Fine);
    }
    if image.public {
        return spared("it is public: others may start from it");
    }
    let (launched, reads) = match subject.answer::<LastLaunched>("ec2:DescribeImageAttribute")? {
        Answer::Is(said, read) => (said.last_launched_time.and_then(|time| time.value), vec![read]),
        Answer::Absent(read) => (None, vec![read]),
    };
    if launched.is_some_and(|time| !old(time)) {
        return Ok(Judgement::Fine);
    }
    if let Some(edge) = subject.leads_to(EdgeKind::SharedWith).next() {
        return spared(format!(
            "it is shared with {}, which may start from it unseen",
            model::sanitize(edge.to.as_str(), 100)
        ));
    }
    let text =
        format!("made on {}, {} days ago", day(image.creation_date), subject.days_since(image.creation_date));
    let started = launched.map_or_else(
        || "nothing was ever started from it".to_owned(),
        |time| format!("last started from on {}", day(time)),
    );
    let instances = subject.whole("ec2:DescribeInstances")?;
    let disks: Vec<_> =
        subject.leads_to(EdgeKind::MadeFrom).map(|edge| model::sanitize(edge.to.as_str(), 200)).collect();
    Draft::new("Image that nothing uses", text, subject.listed())
        .fact(started, reads)
        .fact("no instance runs from it", instances)
        .at_most(
            Level::Medium,
            "who notes an image's id elsewhere, in a pipeline or on paper, no read can tell",
        )
        .saving(Saving::NotKnown(format!(
            "what is paid is for its snapshots: {}",
            if disks.is_empty() { "none known".into() } else { disks.join(", ") }
        )))
        .trap("Deregistering does not delete the snapshots under it; these are what is paid for.")
        .trap("Disabling it first is the gentler way: it can be enabled again.")
        .propose(
            Proposal::Retire(vec![StepDraft::new(
                "ec2:DeregisterImage",
                json!({ "ImageId": subject.name() }),
                "nothing can be started from it any more",
            )]),
            "take the image out of the template",
        )
        .found()
}

pub(crate) const LOGS_FOR_EVER: Analyzer = Analyzer {
    name: "logs-kept-for-ever",
    class: Class::Waste,
    about: "A log group without retention that holds more than `log_bytes`: it grows for ever.",
    kind: kind::LOG_GROUP,
    listing: "logs:DescribeLogGroups",
    against: &[],
    each: &[],
    spared_by: Signs::All,
    judge: logs_for_ever,
};

fn logs_for_ever(subject: &Subject<'_, '_>) -> Judged {
    let group: LogGroup = subject.attributes()?;
    if group.retention_in_days.is_some() || group.stored_bytes < subject.parameters.log_bytes {
        return Ok(Judgement::Fine);
    }
    let gigabytes = group.stored_bytes / 1_000_000_000;
    let days = subject.parameters.retention_days;
    Draft::new("Logs that are kept for ever", format!("{gigabytes} GB, and no retention"), subject.listed())
        .because("retention and size say all that it rests on; whether somebody has to keep it, they do not")
        .saving(match subject.whole_cost() {
            Saving::Known(amount) => Saving::Known(crate::Amount { bound: Bound::AtMost, ..amount }),
            not_known @ Saving::NotKnown(_) => not_known,
        })
        .trap("Setting a retention deletes every event that is older, at once and for good: it looks like a setting and is a deletion.")
        .trap("Audit logs and what a court may ask for have to be kept; export them first.")
        .propose(
            Proposal::Advice(format!(
                "export what has to be kept, then logs:PutRetentionPolicy with {days} days; because it deletes what is older, people decide"
            )),
            format!("`RetentionInDays: {days}`"),
        )
        .found()
}

pub(crate) const REPOSITORY_GROWS: Analyzer = Analyzer {
    name: "repository-without-lifecycle",
    class: Class::Waste,
    about: "A container repository without a lifecycle policy: each build's image is kept for ever.",
    kind: kind::REPOSITORY,
    listing: "ecr:DescribeRepositories",
    against: &[],
    each: &["ecr:GetLifecyclePolicy"],
    spared_by: Signs::All,
    judge: repository_grows,
};

fn repository_grows(subject: &Subject<'_, '_>) -> Judged {
    let absent = match subject.answer::<IgnoredAny>("ecr:GetLifecyclePolicy")? {
        Answer::Is(..) => return Ok(Judgement::Fine),
        Answer::Absent(read) => read,
    };
    if subject.snapshot.read(absent).is_none_or(|read| read.outcome != Outcome::Absent) {
        return Err(NotKnown("ecr:GetLifecyclePolicy was not answered".into()));
    }
    Draft::new("Container images that are kept for ever", "it has no lifecycle policy", vec![absent])
        .because("the cloud says that there is none")
        .saving(Saving::NotKnown("how much its images hold was not read".into()))
        .trap("A lifecycle policy deletes images for good, those that a running task definition names, too.")
        .trap("The service shows what a policy would delete before it is set (a preview): read that first.")
        .propose(
            Proposal::Advice("ecr:StartLifecyclePolicyPreview, hold what it would delete against the images that task definitions name, then people decide".into()),
            "a `LifecyclePolicy` of the repository",
        )
        .found()
}
