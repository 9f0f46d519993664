//! The causes, and what each of them makes a snapshot show.

mod machines;
mod network;
mod others;
mod places;
mod sizes;
mod stores;

use serde_json::{Value, json};

use crate::{Planted, land::Land};

/// Why a resource is as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// Used every day.
    InDailyUse,
    /// Used for a day or two every quarter.
    QuarterlyJob,
    /// Used once a year.
    YearlyJob,
    /// Used by somebody who went, or by a project that ended.
    Forgotten,
    /// Its owner was deleted, and it was left.
    OwnerDeleted,
    /// Forgotten, and part of a stack.
    ForgottenInStack,
    /// There for a failure that has not come.
    StandsBy,
    /// Others use it, whom the account does not see.
    UsedElsewhere,
    /// Kept because somebody must.
    KeptByLaw,
    /// Unused, and its owner wrote on it that it is to be kept all the same.
    KeptOnPurpose,
    /// Larger than what it does.
    TooLarge,
    /// Of an older kind that costs more.
    OldKind,
    /// Grows without end.
    NeverTidied,
    /// Something is broken, or open, or about to be.
    Broken,
}

impl Cause {
    pub const ALL: [Self; 14] = [
        Self::InDailyUse,
        Self::QuarterlyJob,
        Self::YearlyJob,
        Self::Forgotten,
        Self::OwnerDeleted,
        Self::ForgottenInStack,
        Self::StandsBy,
        Self::UsedElsewhere,
        Self::KeptByLaw,
        Self::KeptOnPurpose,
        Self::TooLarge,
        Self::OldKind,
        Self::NeverTidied,
        Self::Broken,
    ];

    /// Whether something should be done about it.
    pub const fn calls_for_action(self) -> bool {
        match self {
            Self::Forgotten
            | Self::OwnerDeleted
            | Self::ForgottenInStack
            | Self::TooLarge
            | Self::OldKind
            | Self::NeverTidied
            | Self::Broken => true,
            Self::InDailyUse
            | Self::QuarterlyJob
            | Self::YearlyJob
            | Self::StandsBy
            | Self::UsedElsewhere
            | Self::KeptByLaw
            | Self::KeptOnPurpose => false,
        }
    }

    /// Whether nobody would miss it.
    pub const fn is_expendable(self) -> bool {
        match self {
            Self::Forgotten | Self::OwnerDeleted | Self::ForgottenInStack => true,
            Self::InDailyUse
            | Self::QuarterlyJob
            | Self::YearlyJob
            | Self::StandsBy
            | Self::UsedElsewhere
            | Self::KeptByLaw
            | Self::KeptOnPurpose
            | Self::TooLarge
            | Self::OldKind
            | Self::NeverTidied
            | Self::Broken => false,
        }
    }

    /// By what the cause is put right while the resource stays, and all that it holds. Some of these count as destroying, because no
    /// call puts back what was before; nothing else that destroys is right where somebody needs the resource.
    pub const fn mended_by(self) -> &'static [&'static str] {
        match self {
            Self::TooLarge => &[
                "ec2:StopInstances",
                "ec2:ModifyInstanceAttribute",
                "ec2:StartInstances",
                "dynamodb:UpdateTable",
                "ecs:UpdateService",
            ],
            Self::OldKind => &["ec2:ModifyVolume"],
            // Ends what was begun and never ended; of logs and images there is no such way.
            Self::NeverTidied => &["s3:PutBucketLifecycleConfiguration"],
            Self::Broken => &["cloudformation:ContinueUpdateRollback", "ec2:RevokeSecurityGroupIngress"],
            Self::InDailyUse
            | Self::QuarterlyJob
            | Self::YearlyJob
            | Self::Forgotten
            | Self::OwnerDeleted
            | Self::ForgottenInStack
            | Self::StandsBy
            | Self::UsedElsewhere
            | Self::KeptByLaw
            | Self::KeptOnPurpose => &[],
        }
    }

    /// Whether to propose this, which destroys, would be wrong.
    pub fn is_wronged_by(self, operation: &str) -> bool {
        !self.is_expendable() && !self.mended_by().contains(&operation)
    }
}

/// What is there more often stands there more often.
const PLANTS: &[fn(&mut Land) -> Planted] = &[
    machines::machine,
    machines::machine,
    machines::function,
    network::address,
    network::gateway,
    network::balancer,
    stores::volume,
    stores::volume,
    stores::volume,
    stores::snapshot,
    stores::snapshot,
    stores::image,
    stores::database,
    machines::machine,
    machines::machine,
    machines::function,
    network::address,
    network::gateway,
    network::balancer,
    stores::volume,
    stores::volume,
    stores::volume,
    stores::snapshot,
    stores::snapshot,
    stores::image,
    stores::database,
    others::logs,
    others::bucket,
    others::fault,
    others::fault,
    places::alarm,
    places::drifted,
    places::balancer,
    places::gateway,
    places::group,
    places::cluster,
    sizes::repository,
    sizes::service,
    sizes::stopped,
    sizes::table,
];

pub(crate) fn plant(land: &mut Land) -> Planted {
    let plant = land.dice.one_of(PLANTS).copied().unwrap_or(machines::machine);
    plant(land)
}

/// When something was used: for each day before the snapshot, whether it was.
struct Uses {
    cause: Cause,
    /// Of a pattern that repeats, where in it the snapshot falls; of one that ended, how long ago.
    offset: u64,
}

impl Uses {
    fn of(land: &mut Land, cause: Cause) -> Self {
        let offset = match cause {
            Cause::QuarterlyJob => land.dice.between(3, 88),
            Cause::YearlyJob => land.dice.between(20, 345),
            Cause::Forgotten | Cause::OwnerDeleted | Cause::ForgottenInStack => land.dice.between(30, 600),
            Cause::InDailyUse
            | Cause::StandsBy
            | Cause::UsedElsewhere
            | Cause::KeptByLaw
            | Cause::KeptOnPurpose
            | Cause::TooLarge
            | Cause::OldKind
            | Cause::NeverTidied
            | Cause::Broken => 0,
        };
        Self { cause, offset }
    }

    fn on(&self, day: u64) -> bool {
        let every = |period: u64| day >= self.offset && (day - self.offset) % period < 2;
        match self.cause {
            Cause::InDailyUse | Cause::TooLarge | Cause::OldKind | Cause::NeverTidied | Cause::Broken => true,
            Cause::QuarterlyJob => every(91),
            Cause::YearlyJob => every(365),
            Cause::Forgotten | Cause::OwnerDeleted | Cause::ForgottenInStack => day >= self.offset,
            Cause::StandsBy | Cause::UsedElsewhere | Cause::KeptByLaw | Cause::KeptOnPurpose => false,
        }
    }
}

/// What its owner wrote on it, and the mark that an earlier run left.
fn tags(land: &mut Land, cause: Cause, service: &str) -> Value {
    let mut tags = serde_json::Map::new();
    tags.insert("service".into(), service.into());
    let mut write = |key: &str, value: &str| tags.insert(key.to_owned(), value.into());
    let mut silent = false;
    match cause {
        // Some write nothing on it: then nobody but the owner knows.
        Cause::StandsBy if land.dice.percent(15) => silent = true,
        Cause::StandsBy => {
            let word = land.dice.one_of(&["dr", "standby", "failover"]).copied().unwrap_or("dr");
            write("role", word);
        }
        Cause::KeptByLaw => {
            write("retention", "audit");
        }
        Cause::KeptOnPurpose => {
            write("countersign:keep", "its owner said so");
        }
        Cause::QuarterlyJob if land.dice.percent(40) => {
            write("job", "quarterly-close");
        }
        Cause::YearlyJob if land.dice.percent(70) => {
            write("job", "yearly-statement");
        }
        _ => {}
    }
    let marked = match cause {
        Cause::Forgotten | Cause::OwnerDeleted | Cause::ForgottenInStack => land.dice.percent(50),
        // Its owner overlooked the mark.
        Cause::QuarterlyJob | Cause::YearlyJob | Cause::StandsBy | Cause::KeptByLaw => {
            !silent && land.dice.percent(30)
        }
        Cause::UsedElsewhere
        | Cause::KeptOnPurpose
        | Cause::InDailyUse
        | Cause::TooLarge
        | Cause::OldKind
        | Cause::NeverTidied
        | Cause::Broken => false,
    };
    if marked {
        let day = Land::ago(land.dice.between(5, 90)).to_string();
        tags.insert("countersign:unused-since".into(), day.split('T').next().unwrap_or_default().into());
    }
    json!(tags)
}

/// Hourly dollars in millionths as a month's.
const fn month(hour_micros: i64) -> i64 {
    hour_micros * 730
}

fn wasted(cause: Cause, micros: i64) -> i64 {
    if cause.calls_for_action() { micros } else { 0 }
}

fn one(land: &mut Land, causes: &[Cause]) -> Cause {
    land.dice.one_of(causes).copied().unwrap_or(Cause::InDailyUse)
}
