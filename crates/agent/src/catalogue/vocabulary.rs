//! The closed list of what can be asked for, as words.

/// What people call a kind, and the kind as snapshots spell it. Longer names first.
pub(super) const KINDS: [(&str, &str); 40] = [
    ("application load balancer", "elbv2:load-balancer"),
    ("load balancer", "elbv2:load-balancer"),
    ("load balancers", "elbv2:load-balancer"),
    ("target group", "elbv2:target-group"),
    ("target groups", "elbv2:target-group"),
    ("security group", "ec2:security-group"),
    ("security groups", "ec2:security-group"),
    ("nat gateway", "ec2:nat-gateway"),
    ("nat gateways", "ec2:nat-gateway"),
    ("elastic ip", "ec2:elastic-ip"),
    ("elastic ips", "ec2:elastic-ip"),
    ("log group", "logs:log-group"),
    ("log groups", "logs:log-group"),
    ("volume", "ec2:volume"),
    ("volumes", "ec2:volume"),
    ("disk", "ec2:volume"),
    ("disks", "ec2:volume"),
    ("instance", "ec2:instance"),
    ("instances", "ec2:instance"),
    ("server", "ec2:instance"),
    ("servers", "ec2:instance"),
    ("snapshot", "ec2:snapshot"),
    ("snapshots", "ec2:snapshot"),
    ("image", "ec2:image"),
    ("images", "ec2:image"),
    ("database", "rds:db-instance"),
    ("databases", "rds:db-instance"),
    ("function", "lambda:function"),
    ("functions", "lambda:function"),
    ("lambda", "lambda:function"),
    ("service", "ecs:service"),
    ("services", "ecs:service"),
    ("bucket", "s3:bucket"),
    ("buckets", "s3:bucket"),
    ("stack", "cloudformation:stack"),
    ("stacks", "cloudformation:stack"),
    ("alarm", "cloudwatch:alarm"),
    ("alarms", "cloudwatch:alarm"),
    ("certificate", "acm:certificate"),
    ("table", "dynamodb:table"),
];

pub(super) const DESTROY: [&str; 10] =
    ["delete", "destroy", "remove", "terminate", "nuke", "wipe", "drop", "tear down", "kill", "purge"];
pub(super) const ANEW: [&str; 12] = [
    "recreate",
    "re-create",
    "recreating",
    "rebuilding",
    "rebuild",
    "from scratch",
    "start over",
    "start again",
    "create it again",
    "make it anew",
    "redeploy everything",
    "reinstall",
];
pub(super) const EVERYTHING: [&str; 11] = [
    "everything",
    "all resources",
    "the environment",
    "the whole environment",
    "entire environment",
    "the account",
    "all of it",
    "all data",
    "all databases",
    "all instances",
    "the database backups",
];
pub(super) const CLEAN: [&str; 11] = [
    "clean up",
    "cleanup",
    "clean",
    "tidy",
    "tidy up",
    "get rid of",
    "throw away",
    "delete",
    "remove",
    "retire",
    "release",
];
pub(super) const WASTE: [&str; 15] = [
    "waste",
    "unused",
    "idle",
    "orphaned",
    "orphans",
    "abandoned",
    "leftover",
    "leftovers",
    "garbage",
    "unattached",
    "not used",
    "nobody uses",
    "wasted",
    "unneeded",
    "stale",
];
pub(super) const SAVE: [&str; 9] = [
    "save money",
    "save costs",
    "reduce costs",
    "reduce the bill",
    "cut costs",
    "cut the bill",
    "lower the bill",
    "make it cheaper",
    "lower costs",
];
pub(super) const REPAIR: [&str; 9] =
    ["fix", "repair", "heal", "unstick", "recover", "get unstuck", "bring back up", "mend", "solve"];
pub(super) const FAILING: [&str; 17] = [
    "failing",
    "fails",
    "failed",
    "broken",
    "down",
    "stuck",
    "unhealthy",
    "slow",
    "red",
    "crashing",
    "not working",
    "unavailable",
    "wrong with",
    "wrong",
    "in alarm",
    "alarming",
    "timing out",
];
pub(super) const RIGHTSIZE: [&str; 11] = [
    "rightsize",
    "right-size",
    "right size",
    "downsize",
    "shrink",
    "resize",
    "scale down",
    "too big",
    "oversized",
    "too large",
    "make smaller",
];
pub(super) const ROLL_BACK: [&str; 7] = [
    "roll back",
    "rollback",
    "roll-back",
    "revert",
    "go back to the previous version",
    "undo the deployment of",
    "undo the last deployment of",
];
pub(super) const STOP: [&str; 7] =
    ["stop", "switch off", "turn off", "shut down", "power off", "pause", "park"];
pub(super) const OFF_HOURS: [&str; 9] = [
    "at night",
    "nights",
    "overnight",
    "every night",
    "on weekends",
    "at weekends",
    "off-hours",
    "off hours",
    "out of hours",
];
pub(super) const GENTLE: [&str; 9] =
    ["dev", "development", "test", "testing", "staging", "qa", "sandbox", "preview", "demo"];
pub(super) const SERIOUS: [&str; 4] = ["production", "prod", "live", "prd"];
pub(super) const RIGHTS: [&str; 16] = [
    "approve",
    "sign off",
    "sign the change",
    "veto",
    "give yourself",
    "give me admin",
    "grant yourself",
    "grant me",
    "more rights",
    "more permissions",
    "admin rights",
    "disable the policy",
    "ignore the policy",
    "bypass",
    "without approval",
    "skip approval",
];
pub(super) const COST: [&str; 12] = [
    "cost",
    "costs",
    "cost most",
    "costs most",
    "spend",
    "spending",
    "money go",
    "bill",
    "expensive",
    "dearest",
    "cheaper",
    "pay for",
];
pub(super) const WHAT_IS_WRONG: [&str; 10] = [
    "what is wrong",
    "whats wrong",
    "what is broken",
    "whats broken",
    "any problems",
    "findings",
    "what did you find",
    "health",
    "issues",
    "problems",
];
pub(super) const HELP: [&str; 6] =
    ["help", "what can you do", "what can i ask", "what do you understand", "commands", "what do you know"];
pub(super) const INVENTORY: [&str; 9] = [
    "what do i have",
    "what is there",
    "inventory",
    "list",
    "how many",
    "show me all",
    "which resources",
    "what is running",
    "show all",
];

/// Questions about one subject: phrases of which one is said, and the analyzers that answer.
pub(super) const SUBJECTS: [(&[&str], &[&str]); 11] = [
    (&["certificate", "certificates", "tls", "expire", "expires", "expiring"], &["certificate-ending"]),
    (
        &[
            "open port",
            "open ports",
            "ports are open",
            "port open",
            "open to the world",
            "open to the internet",
            "exposed",
        ],
        &["admin-port-open"],
    ),
    (&["drift", "drifted", "drifting"], &["stack-drifted"]),
    (
        &["stuck stack", "stuck stacks", "stacks are stuck", "stack is stuck", "stacks stuck"],
        &["stack-stuck"],
    ),
    (&["alarms are on", "alarm is on", "in alarm", "alarms", "alarming"], &["alarm-on"]),
    (&["unhealthy", "targets"], &["target-unhealthy"]),
    (
        &["backup", "backups", "protected", "unprotected", "deletion protection"],
        &["database-unprotected", "table-unprotected"],
    ),
    (
        &[
            "one zone",
            "single zone",
            "single point of failure",
            "single points of failure",
            "availability zone",
        ],
        &["database-in-one-zone", "targets-in-one-zone"],
    ),
    (
        &["oversized", "too big", "too large", "overprovisioned"],
        &["instance-oversized", "service-oversized", "table-oversized"],
    ),
    (&["retention", "kept for ever", "kept forever"], &["logs-kept-for-ever"]),
    (&["old generation", "gp2", "gp3"], &["volume-old-generation"]),
];

/// What is understood, for people.
pub const CAN: [&str; 12] = [
    "clean up waste, unused volumes, snapshots, images, addresses … (“clean up unused volumes”)",
    "fix what is stuck or failing, in place (“fix stack shop”)",
    "make smaller what is too big (“rightsize the instance web”)",
    "go back to what ran before (“roll back the service web”)",
    "stop development and test at night (“stop dev at night”)",
    "say why something fails (“why is the load balancer shop failing”)",
    "say what is wrong, what wastes, what is unprotected, which alarms are on, which ports are open, what drifted",
    "say what costs most (“what costs most”, “what does it cost by tag team”)",
    "say which certificates expire",
    "say what there is (“list databases”, “how many instances”)",
    "explain a finding (“explain volume-unattached”)",
    "say how a change stands (“status of change …”)",
];
