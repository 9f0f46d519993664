//! What analyzers need of attributes, by the names that the cloud gives them (the SDKs' spelling). A member that decides something has no
//! default: without it, the resource is not judged.

use model::Timestamp;
use serde::{Deserialize, de::IgnoredAny};

use crate::draft::NotKnown;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Volume {
    pub(crate) size: u64,
    pub(crate) volume_type: String,
    pub(crate) state: String,
    pub(crate) create_time: Timestamp,
    #[serde(default)]
    pub(crate) iops: u64,
    #[serde(default)]
    pub(crate) throughput: u64,
}

/// The last change of a volume.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Modification {
    pub(crate) modification_state: String,
    pub(crate) start_time: Timestamp,
    #[serde(default)]
    pub(crate) end_time: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DiskSnapshot {
    pub(crate) volume_id: String,
    pub(crate) volume_size: u64,
    pub(crate) start_time: Timestamp,
    #[serde(default)]
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) storage_tier: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Image {
    pub(crate) creation_date: Timestamp,
    pub(crate) state: String,
    pub(crate) public: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct LastLaunched {
    pub(crate) last_launched_time: Option<TextValue>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TextValue {
    pub(crate) value: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Address {
    pub(crate) public_ip: String,
    #[serde(default)]
    pub(crate) association_id: Option<String>,
    #[serde(default)]
    pub(crate) network_interface_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct NatGateway {
    pub(crate) state: String,
    pub(crate) create_time: Timestamp,
    /// Absent: it stands in every zone.
    #[serde(default)]
    pub(crate) subnet_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct LoadBalancer {
    pub(crate) r#type: String,
    pub(crate) created_time: Timestamp,
    pub(crate) availability_zones: Vec<Zone>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Zone {
    pub(crate) zone_name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TargetHealth {
    pub(crate) target_health_descriptions: Vec<TargetHealthDescription>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TargetHealthDescription {
    pub(crate) target: Target,
    pub(crate) target_health: Health,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Target {
    pub(crate) id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Health {
    pub(crate) state: String,
    #[serde(default)]
    pub(crate) reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Instance {
    pub(crate) instance_type: String,
    pub(crate) state: InstanceState,
    pub(crate) launch_time: Timestamp,
    #[serde(default)]
    pub(crate) state_transition_reason: String,
    /// `spot` or `scheduled`; absent: on demand.
    #[serde(default)]
    pub(crate) instance_lifecycle: Option<String>,
    /// `ebs` or `instance-store`.
    #[serde(default)]
    pub(crate) root_device_type: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Function {
    last_modified: String,
}

impl Function {
    /// Since when it is what it is; the service writes its offset without a colon.
    pub(crate) fn since(&self) -> Result<Timestamp, NotKnown> {
        let text = self.last_modified.strip_suffix("+0000").map(|rest| format!("{rest}Z"));
        let time = text.as_ref().unwrap_or(&self.last_modified).parse();
        time.map_err(|_| NotKnown("when it was last changed is not understood".into()))
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct InstanceState {
    pub(crate) name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Database {
    #[serde(rename = "DBInstanceClass")]
    pub(crate) class: String,
    pub(crate) engine: String,
    #[serde(rename = "DBInstanceStatus")]
    pub(crate) status: String,
    #[serde(rename = "MultiAZ")]
    pub(crate) multi_az: bool,
    pub(crate) allocated_storage: u64,
    #[serde(default)]
    pub(crate) storage_type: String,
    pub(crate) backup_retention_period: u32,
    pub(crate) deletion_protection: bool,
    pub(crate) instance_create_time: Timestamp,
    #[serde(default, rename = "ReadReplicaSourceDBInstanceIdentifier")]
    pub(crate) replica_of: Option<String>,
    #[serde(default, rename = "ReadReplicaDBInstanceIdentifiers")]
    pub(crate) replicas: Vec<String>,
    #[serde(default, rename = "DBClusterIdentifier")]
    pub(crate) cluster: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Cluster {
    pub(crate) engine: String,
    #[serde(rename = "MultiAZ")]
    pub(crate) multi_az: bool,
    pub(crate) backup_retention_period: u32,
    pub(crate) deletion_protection: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ScalingGroup {
    pub(crate) desired_capacity: u64,
    pub(crate) availability_zones: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Subnet {
    pub(crate) vpc_id: String,
    pub(crate) availability_zone: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RouteTable {
    pub(crate) vpc_id: String,
    #[serde(default)]
    pub(crate) associations: Vec<Association>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Association {
    /// Of every subnet that has no table of its own.
    #[serde(default)]
    pub(crate) main: bool,
    #[serde(default)]
    pub(crate) subnet_id: Option<String>,
}

/// How many tasks a service is to run.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Tasks {
    pub(crate) desired_count: u64,
    /// `DAEMON`: one on each machine, however many these are.
    #[serde(default)]
    pub(crate) scheduling_strategy: String,
    #[serde(default)]
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) created_at: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Service {
    pub(crate) cluster_arn: String,
    pub(crate) desired_count: u64,
    pub(crate) running_count: Option<u64>,
    pub(crate) launch_type: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Scaling {
    #[serde(default)]
    pub(crate) scalable_targets: Vec<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribedTaskDefinition {
    pub(crate) task_definition: TaskDefinition,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TaskDefinition {
    pub(crate) cpu: String,
    pub(crate) memory: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Uploads {
    #[serde(default)]
    pub(crate) uploads: Vec<Upload>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Upload {
    pub(crate) initiated: Timestamp,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Lifecycle {
    pub(crate) rules: Vec<LifecycleRule>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct LifecycleRule {
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) abort_incomplete_multipart_upload: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    pub(crate) noncurrent_version_expiration: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    pub(crate) noncurrent_version_transitions: Vec<serde::de::IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Versioning {
    /// `Enabled`, or `Suspended`; absent: there never were versions.
    #[serde(default)]
    pub(crate) status: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogGroup {
    pub(crate) stored_bytes: u64,
    #[serde(default)]
    pub(crate) retention_in_days: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Alarm {
    pub(crate) state_value: String,
    pub(crate) state_updated_timestamp: Timestamp,
    pub(crate) actions_enabled: bool,
    #[serde(default)]
    pub(crate) alarm_actions: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Stack {
    pub(crate) stack_status: String,
    pub(crate) creation_time: Timestamp,
    #[serde(default)]
    pub(crate) last_updated_time: Option<Timestamp>,
    #[serde(default)]
    pub(crate) drift_information: Option<Drift>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Drift {
    pub(crate) stack_drift_status: String,
    #[serde(default)]
    pub(crate) last_check_timestamp: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Certificate {
    pub(crate) domain_name: String,
    pub(crate) not_after: Timestamp,
    pub(crate) r#type: String,
    pub(crate) in_use: bool,
    #[serde(default)]
    pub(crate) renewal_eligibility: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SecurityGroup {
    pub(crate) ip_permissions: Vec<Permission>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Permission {
    pub(crate) ip_protocol: String,
    #[serde(default)]
    pub(crate) from_port: Option<i64>,
    #[serde(default)]
    pub(crate) to_port: Option<i64>,
    #[serde(default)]
    pub(crate) ip_ranges: Vec<Range>,
    #[serde(default)]
    pub(crate) ipv6_ranges: Vec<Range6>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Range {
    pub(crate) cidr_ip: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Range6 {
    pub(crate) cidr_ipv6: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Table {
    pub(crate) deletion_protection_enabled: bool,
    pub(crate) provisioned_throughput: Throughput,
    #[serde(default)]
    pub(crate) billing_mode_summary: Option<BillingMode>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Throughput {
    pub(crate) read_capacity_units: u64,
    pub(crate) write_capacity_units: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct BillingMode {
    pub(crate) billing_mode: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Backups {
    pub(crate) continuous_backups_description: BackupsDescription,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct BackupsDescription {
    pub(crate) point_in_time_recovery_description: PointInTime,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PointInTime {
    pub(crate) point_in_time_recovery_status: String,
}

impl Table {
    pub(crate) fn is_provisioned(&self) -> bool {
        self.billing_mode_summary.as_ref().is_none_or(|mode| mode.billing_mode == "PROVISIONED")
    }
}
