//! The kinds of resources that analyzers know, as snapshots spell them: the table's service and a noun.

pub(crate) const ADDRESS: &str = "ec2:elastic-ip";
pub(crate) const ALARM: &str = "cloudwatch:alarm";
pub(crate) const BUCKET: &str = "s3:bucket";
pub(crate) const CERTIFICATE: &str = "acm:certificate";
pub(crate) const CLUSTER: &str = "rds:db-cluster";
pub(crate) const DATABASE: &str = "rds:db-instance";
pub(crate) const FUNCTION: &str = "lambda:function";
pub(crate) const GROUP: &str = "autoscaling:group";
pub(crate) const IMAGE: &str = "ec2:image";
pub(crate) const INSTANCE: &str = "ec2:instance";
pub(crate) const LOAD_BALANCER: &str = "elbv2:load-balancer";
pub(crate) const LOG_GROUP: &str = "logs:log-group";
pub(crate) const MODIFICATION: &str = "ec2:volume-modification";
pub(crate) const NAT_GATEWAY: &str = "ec2:nat-gateway";
pub(crate) const REPOSITORY: &str = "ecr:repository";
pub(crate) const ROUTE_TABLE: &str = "ec2:route-table";
pub(crate) const SECURITY_GROUP: &str = "ec2:security-group";
pub(crate) const SERVICE: &str = "ecs:service";
pub(crate) const SNAPSHOT: &str = "ec2:snapshot";
pub(crate) const STACK: &str = "cloudformation:stack";
pub(crate) const SUBNET: &str = "ec2:subnet";
pub(crate) const TABLE: &str = "dynamodb:table";
pub(crate) const TARGET_GROUP: &str = "elbv2:target-group";
pub(crate) const VOLUME: &str = "ec2:volume";
