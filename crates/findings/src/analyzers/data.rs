//! Databases and tables: idle, too large, in one place only, without a way back.

use serde_json::json;
use snapshot::EdgeKind;

use super::in_use;
use crate::{
    Amount, Class, Level, Saving,
    analyzer::Analyzer,
    draft::{Draft, Judged, Judgement, NotKnown, Proposal, StepDraft, spared},
    kind,
    price_of::{self, Bound},
    rhythm::{self, Metric, day},
    signs::Signs,
    subject::{Answer, Subject},
    views::{Backups, Database, Table},
};

pub(crate) const DATABASE_IDLE: Analyzer = Analyzer {
    name: "database-idle",
    class: Class::Waste,
    about: "A database to which nothing connected for `idle_days`, that is no replica and has none, and is in no cluster.",
    kind: kind::DATABASE,
    listing: "rds:DescribeDBInstances",
    against: &[],
    each: &["cloudwatch:GetMetricData"],
    spared_by: Signs::All,
    judge: database_idle,
};

const CONNECTIONS: [Metric; 1] =
    [Metric { namespace: "AWS/RDS", name: "DatabaseConnections", statistic: "Maximum", above: 0.0 }];

fn database_idle(subject: &Subject<'_, '_>) -> Judged {
    let database: Database = subject.attributes()?;
    let age = subject.days_since(database.instance_create_time);
    if database.status != "available" || age < i64::from(subject.parameters.idle_days) {
        return Ok(Judgement::Fine);
    }
    let rhythm = rhythm::of(subject, Some(database.instance_create_time), &CONNECTIONS)?;
    if let Some(stands) = in_use(subject, &rhythm)? {
        return Ok(stands);
    }
    if database.replica_of.is_some()
        || !database.replicas.is_empty()
        || subject.leads_to(EdgeKind::MemberOf).next().is_some()
    {
        return spared("it is a replica, or has some: it is there for a failure, or feeds what is");
    }
    if database.cluster.is_some() {
        return spared("it is a member of a cluster, which is looked at as a whole");
    }
    if let Some(edge) = subject.led_to_by(EdgeKind::RefersTo).next() {
        return spared(format!("{} refers to it", model::sanitize(edge.from.as_str(), 200)));
    }
    let text = format!(
        "{} {}, made on {}",
        model::sanitize(&database.engine, 40),
        model::sanitize(&database.class, 40),
        day(database.instance_create_time)
    );
    let copy = format!("{}-before-stop", subject.name());
    let steps = vec![
        StepDraft::new(
            "rds:CreateDBSnapshot",
            json!({ "DBInstanceIdentifier": subject.name(), "DBSnapshotIdentifier": copy }),
            "keeps what is in it; go on only once it is available",
        ),
        StepDraft::new(
            "rds:StopDBInstance",
            json!({ "DBInstanceIdentifier": subject.name() }),
            "nothing can connect; StartDBInstance brings it back",
        ),
    ];
    let draft = Draft::new("Database that nothing connects to", text, subject.listed())
        .fact(rhythm.tells(), rhythm.reads.clone())
        .saving(while_stopped(subject, &database))
        .trap("A stopped database starts again by itself after seven days: stopping alone saves nothing for good.")
        .trap("Deleting it deletes its automated backups with it; only a final snapshot stays.");
    rhythm
        .sure(draft, subject.parameters)
        .propose(
            Proposal::Retire(steps),
            "take the database out of the template, with `DeletionPolicy: Snapshot`",
        )
        .found()
}

/// Its storage is paid for whether it runs or not, and after seven days it runs again by itself.
fn while_stopped(subject: &Subject<'_, '_>, database: &Database) -> Saving {
    match price_of::amount(&price_of::running(database), Bound::AtMost, subject.region(), subject.prices) {
        Ok(amount) => Saving::Known(amount),
        Err(why) => Saving::NotKnown(why),
    }
}

pub(crate) const DATABASE_ONE_ZONE: Analyzer = Analyzer {
    name: "database-in-one-zone",
    class: Class::Fault,
    about: "A database that is not said to be for development, in one zone only, without a replica: a failure of the zone ends it.",
    kind: kind::DATABASE,
    listing: "rds:DescribeDBInstances",
    against: &[],
    each: &[],
    spared_by: Signs::None,
    judge: database_one_zone,
};

/// Words that say it may fail. They spare from a fault: nothing is destroyed by believing them. What was not read says nothing.
const PLAYGROUND: [&str; 5] = ["dev", "development", "test", "sandbox", "playground"];

pub(super) fn is_playground(subject: &Subject<'_, '_>) -> bool {
    const KEYS: [&str; 6] = ["env", "environment", "stage", "Environment", "Env", "Stage"];
    let says = |value: &str| PLAYGROUND.iter().any(|word| value.eq_ignore_ascii_case(word));
    subject.tags().is_ok_and(|tags| {
        tags.iter().any(|(key, value)| KEYS.contains(&key.as_str()) && says(value.as_str()))
    })
}

fn database_one_zone(subject: &Subject<'_, '_>) -> Judged {
    let database: Database = subject.attributes()?;
    let covered = database.multi_az
        || database.cluster.is_some()
        || database.replica_of.is_some()
        || !database.replicas.is_empty();
    if covered || database.status == "stopped" {
        return Ok(Judgement::Fine);
    }
    if is_playground(subject) {
        return spared("a tag says that it is for development");
    }
    let parameters =
        json!({ "DBInstanceIdentifier": subject.name(), "MultiAZ": true, "ApplyImmediately": false });
    Draft::new("Database in one zone only", "no second zone and no replica", subject.listed())
        .because("the cloud says so; whether it may fail, only people know")
        .trap("A second zone doubles what is paid for it.")
        .trap("With ApplyImmediately, every other change that waits for the maintenance window is made at once, too.")
        .propose(
            Proposal::Change(vec![StepDraft::new("rds:ModifyDBInstance", parameters, "a second zone, in the next maintenance window")]),
            "`MultiAZ: true`",
        )
        .found()
}

pub(crate) const DATABASE_UNPROTECTED: Analyzer = Analyzer {
    name: "database-unprotected",
    class: Class::Fault,
    about: "A database without automated backups, or that can be deleted without its protection being taken off first.",
    kind: kind::DATABASE,
    listing: "rds:DescribeDBInstances",
    against: &[],
    each: &[],
    spared_by: Signs::None,
    judge: database_unprotected,
};

/// Days of backups that are proposed where there are none.
const BACKUP_DAYS: u32 = 7;

fn database_unprotected(subject: &Subject<'_, '_>) -> Judged {
    let database: Database = subject.attributes()?;
    let no_backups = database.backup_retention_period == 0 && database.replica_of.is_none();
    let missing: Vec<&str> =
        [(no_backups, "no automated backups"), (!database.deletion_protection, "no deletion protection")]
            .into_iter()
            .filter_map(|(lacks, what)| lacks.then_some(what))
            .collect();
    if missing.is_empty() || database.cluster.is_some() {
        return Ok(Judgement::Fine);
    }
    if is_playground(subject) {
        return spared("a tag says that it is for development");
    }
    let mut steps = Vec::new();
    if !database.deletion_protection {
        let parameters = json!({ "DBInstanceIdentifier": subject.name(), "DeletionProtection": true });
        steps.push(StepDraft::new(
            "rds:ModifyDBInstance",
            parameters,
            "whoever deletes it has to take the protection off first",
        ));
    }
    let draft = Draft::new("Database without protection", missing.join(", "), subject.listed())
        .because("the cloud says so");
    let draft = if no_backups {
        draft.trap(format!(
            "Turning backups on (BackupRetentionPeriod: {BACKUP_DAYS}) restarts some engines at once: that is a change of its own, for a quiet hour."
        ))
    } else {
        draft
    };
    let proposal = if steps.is_empty() {
        Proposal::Advice(format!(
            "rds:ModifyDBInstance with BackupRetentionPeriod {BACKUP_DAYS} in a quiet hour"
        ))
    } else {
        Proposal::Change(steps)
    };
    draft
        .propose(proposal, format!("`DeletionProtection: true`, `BackupRetentionPeriod: {BACKUP_DAYS}`"))
        .found()
}

pub(crate) const TABLE_UNPROTECTED: Analyzer = Analyzer {
    name: "table-unprotected",
    class: Class::Fault,
    about: "A table without recovery to a point in time, or that can be deleted without its protection being taken off first.",
    kind: kind::TABLE,
    listing: "dynamodb:ListTables",
    against: &["dynamodb:DescribeTable"],
    each: &["dynamodb:DescribeContinuousBackups"],
    spared_by: Signs::None,
    judge: table_unprotected,
};

fn table_unprotected(subject: &Subject<'_, '_>) -> Judged {
    let (table, described): (Table, _) = subject.described("dynamodb:DescribeTable")?;
    let (recovers, read) = match subject.answer::<Backups>("dynamodb:DescribeContinuousBackups")? {
        Answer::Is(backups, read) => {
            let status = backups.continuous_backups_description.point_in_time_recovery_description;
            (status.point_in_time_recovery_status == "ENABLED", read)
        }
        Answer::Absent(read) => (false, read),
    };
    if recovers && table.deletion_protection_enabled {
        return Ok(Judgement::Fine);
    }
    if is_playground(subject) {
        return spared("a tag says that it is for development");
    }
    let (mut steps, mut lacks) = (Vec::new(), Vec::new());
    if !recovers {
        lacks.push("no recovery to a point in time");
        let on = json!({ "TableName": subject.name(), "PointInTimeRecoverySpecification": { "PointInTimeRecoveryEnabled": true } });
        steps.push(StepDraft::new(
            "dynamodb:UpdateContinuousBackups",
            on,
            "what is lost within 35 days can be brought back",
        ));
    }
    if !table.deletion_protection_enabled {
        lacks.push("no deletion protection");
        let on = json!({ "TableName": subject.name(), "DeletionProtectionEnabled": true });
        steps.push(StepDraft::new(
            "dynamodb:UpdateTable",
            on,
            "whoever deletes it has to take the protection off first",
        ));
    }
    let reads = vec![described, read];
    Draft::new("Table without protection", lacks.join(", "), reads)
        .because("the cloud says so")
        .trap("Recovery to a point in time is paid for by what the table holds.")
        .propose(
            Proposal::Change(steps),
            "`PointInTimeRecoverySpecification` and `DeletionProtectionEnabled: true`",
        )
        .found()
}

pub(crate) const TABLE_OVERSIZED: Analyzer = Analyzer {
    name: "table-oversized",
    class: Class::Waste,
    about: "A table with fixed capacity of which it never used more than `capacity_used` in `idle_days`, without throttling.",
    kind: kind::TABLE,
    listing: "dynamodb:ListTables",
    against: &["dynamodb:DescribeTable", "application-autoscaling:DescribeScalableTargets"],
    each: &["cloudwatch:GetMetricData"],
    spared_by: Signs::All,
    judge: table_oversized,
};

const READ_UNITS: Metric =
    Metric { namespace: "AWS/DynamoDB", name: "ConsumedReadCapacityUnits", statistic: "Maximum", above: 0.0 };
const WRITE_UNITS: Metric = Metric {
    namespace: "AWS/DynamoDB",
    name: "ConsumedWriteCapacityUnits",
    statistic: "Maximum",
    above: 0.0,
};

fn table_oversized(subject: &Subject<'_, '_>) -> Judged {
    let (table, described): (Table, _) = subject.described("dynamodb:DescribeTable")?;
    let has = &table.provisioned_throughput;
    if !table.is_provisioned() || (has.read_capacity_units <= 5 && has.write_capacity_units <= 5) {
        return Ok(Judgement::Fine);
    }
    if let Some(edge) =
        subject.led_to_by(EdgeKind::RefersTo).find(|edge| edge.from.as_str().contains("scalable-target"))
    {
        return spared(format!("{} sets its capacity", model::sanitize(edge.from.as_str(), 200)));
    }
    let (reads_used, reads_seen, window) = rhythm::peak(subject, &READ_UNITS)?;
    let (writes_used, writes_seen, _) = rhythm::peak(subject, &WRITE_UNITS)?;
    if window < i64::from(subject.parameters.idle_days) {
        return Err(NotKnown(format!("it was observed for {window} days only")));
    }
    let share = subject.parameters.capacity_used / 100.0;
    let (read, write) = (needed(reads_used), needed(writes_used));
    if reads_used > units(has.read_capacity_units) * share
        || writes_used > units(has.write_capacity_units) * share
    {
        return Ok(Judgement::Fine);
    }
    let (read, write) = (read.min(has.read_capacity_units), write.min(has.write_capacity_units));
    let draft = Draft::new(
        "Table with too much capacity",
        format!("{} read and {} write units", has.read_capacity_units, has.write_capacity_units),
        vec![described],
    )
    .fact(format!("never more than {reads_used:.0} read units in {window} days"), reads_seen)
    .fact(format!("never more than {writes_used:.0} write units"), writes_seen)
    .saving(
        match (
            subject.whole_cost(),
            price_of::amount(
                &price_of::capacity(read, write),
                Bound::Exact,
                subject.region(),
                subject.prices,
            ),
        ) {
            (Saving::Known(now), Ok(then)) => {
                Saving::Known(Amount { micros: now.micros.less(then.micros), ..now })
            }
            (Saving::NotKnown(why), _) | (_, Err(why)) => Saving::NotKnown(why),
        },
    )
    .trap("With too little capacity, requests are throttled; capacity is lowered only so many times a day.")
    .at_most(Level::Medium, "bursts within a metric's period do not show");
    let parameters = json!({ "TableName": subject.name(), "ProvisionedThroughput": { "ReadCapacityUnits": read, "WriteCapacityUnits": write } });
    draft
        .propose(
            Proposal::Change(vec![
                StepDraft::new("dynamodb:UpdateTable", parameters, "twice what it used at most").scaling_in(),
            ]),
            format!("`ProvisionedThroughput` of {read} and {write} units"),
        )
        .found()
}

#[expect(clippy::cast_precision_loss, reason = "capacity units are far below what a double holds exactly")]
fn units(units: u64) -> f64 {
    units as f64
}

/// Twice what was used at most, at least 1.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to what fits before it is cut"
)]
fn needed(used: f64) -> u64 {
    (used * 2.0).ceil().clamp(1.0, 1e9) as u64
}
