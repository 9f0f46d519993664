//! The words by which deeds are recognised, as data: which kinds hold data, which are backups, which operations create
//! and which lower a protection. Where a word is missing the count errs towards the dangerous side, except for
//! `created`, which has to be earned by a listed word.

use model::{ActionParts, Digest, Effect, EffectSet, Kind, Resource};

/// One of these words in a kind's name (`db_cluster`) says that destroying it destroys data. A kind that no table
/// knows counts too.
const DATA: &[&str] = &[
    "bucket",
    "cache",
    "cluster",
    "collection",
    "database",
    "datastore",
    "db",
    "domain",
    "filesystem",
    "index",
    "item",
    "key",
    "keyspace",
    "ledger",
    "object",
    "queue",
    "repository",
    "secret",
    "stream",
    "table",
    "unknown",
    "volume",
    "warehouse",
];
const DATA_WHOLE: &[&str] =
    &["file_system", "log-group", "log-stream", "log_group", "user-pool", "user_pool"];

const BACKUP: &[&str] = &["archive", "backup", "snapshot"];
const BACKUP_WHOLE: &[&str] = &["recovery_point"];

/// Destroying these destroys what they hold; where that was not listed, it counts as data.
const CONTAINERS: &[&str] =
    &["account", "application", "cluster", "environment", "namespace", "project", "stack"];

/// `service:Operation` that lowers a protection, and the parameter by which it does so; no parameter: always.
const LOWERS: &[(&str, &str, Option<&str>)] = &[
    ("autoscaling", "SetInstanceProtection", Some("ProtectedFromScaleIn")),
    ("backup", "DeleteBackupVaultAccessPolicy", None),
    ("backup", "DeleteBackupVaultLockConfiguration", None),
    ("cloudformation", "DeleteStackPolicy", None),
    ("cloudformation", "SetStackPolicy", None),
    ("cloudformation", "UpdateTerminationProtection", Some("EnableTerminationProtection")),
    ("cloudtrail", "DeleteTrail", None),
    ("cloudtrail", "StopLogging", None),
    ("config", "StopConfigurationRecorder", None),
    ("dynamodb", "UpdateContinuousBackups", Some("PointInTimeRecoveryEnabled")),
    ("dynamodb", "UpdateTable", Some("DeletionProtectionEnabled")),
    ("docdb", "ModifyDBCluster", Some("DeletionProtection")),
    ("ec2", "DisableSnapshotBlockPublicAccess", None),
    ("ec2", "ModifyInstanceAttribute", Some("DisableApiTermination")),
    ("ec2", "ModifyInstanceAttribute", Some("DisableApiStop")),
    ("eks", "UpdateClusterConfig", Some("deletionProtection")),
    ("guardduty", "DeleteDetector", None),
    ("logs", "PutLogGroupDeletionProtection", Some("deletionProtectionEnabled")),
    ("neptune", "ModifyDBCluster", Some("DeletionProtection")),
    ("neptune", "ModifyDBInstance", Some("DeletionProtection")),
    ("rds", "ModifyDBCluster", Some("DeletionProtection")),
    ("rds", "ModifyDBInstance", Some("DeletionProtection")),
    ("rds", "ModifyDBInstance", Some("BackupRetentionPeriod")),
    ("rbin", "DeleteRule", None),
    ("rbin", "UnlockRule", None),
    ("s3", "DeletePublicAccessBlock", None),
    ("s3control", "DeletePublicAccessBlock", None),
    ("s3", "PutBucketVersioning", Some("Status")),
];

/// Values of such a parameter that raise the protection, or leave it up.
const RAISES: &[&str] = &["true", "enabled", "on"];

/// Creations that fail where the thing exists already, and the kind they create under another word than the operation
/// has. An operation that succeeds on what exists (`s3:CreateBucket`, `sqs:CreateQueue`) must not stand here.
const CREATES_ANEW: &[(&str, &str, &str)] = &[
    ("cloudformation", "CreateStack", "stack"),
    ("dynamodb", "CreateTable", "table"),
    ("ecr", "CreateRepository", "repository"),
    ("eks", "CreateCluster", "cluster"),
    ("elasticache", "CreateCacheCluster", "cache_cluster"),
    ("elasticache", "CreateReplicationGroup", "replication_group"),
    ("iam", "CreateGroup", "group"),
    ("iam", "CreateRole", "role"),
    ("iam", "CreateUser", "user"),
    ("kinesis", "CreateStream", "stream"),
    ("lambda", "CreateFunction", "function"),
    ("logs", "CreateLogGroup", "log_group"),
    ("rds", "CreateDBCluster", "database"),
    ("rds", "CreateDBCluster", "db_cluster"),
    ("rds", "CreateDBClusterSnapshot", "snapshot"),
    ("rds", "CreateDBInstance", "database"),
    ("rds", "CreateDBSnapshot", "snapshot"),
    ("redshift", "CreateCluster", "database"),
    ("secretsmanager", "CreateSecret", "secret"),
];

/// Of the lists and of [`LOGIC`]: an index that other ones made is made again.
pub(crate) fn fingerprint() -> String {
    let lists = format!(
        "{LOGIC} {} {:?}",
        crate::asked::LOGIC,
        (DATA, DATA_WHOLE, BACKUP, BACKUP_WHOLE, CONTAINERS, LOWERS, RAISES, CREATES_ANEW)
    );
    Digest::of(lists.as_bytes()).to_string()
}

pub(crate) fn holds_data(kind: &Kind) -> bool {
    has_word(kind, DATA, DATA_WHOLE) && !is_backup(kind)
}

pub(crate) fn is_backup(kind: &Kind) -> bool {
    has_word(kind, BACKUP, BACKUP_WHOLE)
}

pub(crate) fn is_container(kind: &Kind) -> bool {
    has_word(kind, CONTAINERS, &[])
}

/// To be counted up when `trace` reads documents in another way.
const LOGIC: u32 = 7;

pub(crate) fn destroys(effects: EffectSet) -> bool {
    effects.contains(Effect::Destroy)
}

/// Whether the action takes a guard down from something: a lock against deletion, a backup, a record.
pub fn lowers_protection(action: &ActionParts) -> bool {
    let listed = LOWERS.iter().filter(|(service, name, _)| {
        action.operation.service.eq_ignore_ascii_case(service) && action.operation.name == *name
    });
    listed.into_iter().any(|(_, _, parameter)| match parameter {
        None => true,
        Some(parameter) => action.shown.iter().any(|(name, value)| {
            // Of a number of days it says nothing by itself; what is less than before was judged as a loss.
            let days = value.parse::<u32>().is_ok_and(|days| days > 0);
            contains_ignoring_case(name, parameter)
                && !RAISES.iter().any(|raise| value.eq_ignore_ascii_case(raise))
                && (!days || destroys(action.effects))
        }),
    })
}

/// Whether a success of the action proves that the resource was not there before.
pub(crate) fn creates_anew(action: &ActionParts, resource: &Resource) -> bool {
    CREATES_ANEW.iter().any(|(service, name, kind)| {
        action.operation.service.eq_ignore_ascii_case(service)
            && action.operation.name == *name
            && resource.kind.as_str() == *kind
    })
}

/// Whether the operation is `Create` and the very kind (`CreateBucket` and `bucket`): it creates this resource, where
/// it is known by other means that it was not there before.
pub(crate) fn creates_kind(action: &ActionParts, resource: &Resource) -> bool {
    creates_anew(action, resource)
        || action.operation.name.strip_prefix("Create").is_some_and(|created| {
            let kind: String =
                resource.kind.as_str().chars().filter(|it| it.is_ascii_alphanumeric()).collect();
            created.eq_ignore_ascii_case(&kind)
        })
}

fn has_word(kind: &Kind, words: &[&str], whole: &[&str]) -> bool {
    let kind = kind.as_str();
    whole.contains(&kind) || kind.split(['_', '-', '.']).any(|word| words.contains(&word))
}

fn contains_ignoring_case(text: &str, part: &str) -> bool {
    text.to_ascii_lowercase().contains(&part.to_ascii_lowercase())
}
