//! What is broken or about to be: targets, alarms, stacks, certificates, open ports.

use serde_json::json;
use snapshot::EdgeKind;

use crate::{
    Class, Level,
    analyzer::Analyzer,
    draft::{Draft, Judged, Judgement, Proposal, StepDraft, spared},
    kind,
    rhythm::day,
    signs::Signs,
    subject::{Answer, Subject},
    views::{Alarm, Certificate, Permission, SecurityGroup, Stack, TargetHealth},
};

pub(crate) const TARGET_UNHEALTHY: Analyzer = Analyzer {
    name: "target-unhealthy",
    class: Class::Fault,
    about: "A target group with targets that fail their health check.",
    kind: kind::TARGET_GROUP,
    listing: "elbv2:DescribeTargetGroups",
    against: &[],
    each: &["elbv2:DescribeTargetHealth"],
    spared_by: Signs::None,
    judge: target_unhealthy,
};

fn target_unhealthy(subject: &Subject<'_, '_>) -> Judged {
    let (health, read) = match subject.answer::<TargetHealth>("elbv2:DescribeTargetHealth")? {
        Answer::Is(health, read) => (health.target_health_descriptions, read),
        Answer::Absent(_) => return Ok(Judgement::Fine),
    };
    let failing: Vec<_> = health.iter().filter(|one| one.target_health.state == "unhealthy").collect();
    let Some(first) = failing.first() else { return Ok(Judgement::Fine) };
    let healthy = health.iter().filter(|one| one.target_health.state == "healthy").count();
    let text = format!(
        "{} of {} targets fail their health check, {} first ({})",
        failing.len(),
        health.len(),
        model::sanitize(&first.target.id, 80),
        model::sanitize(&first.target_health.reason, 80)
    );
    let draft = Draft::new(
        if healthy == 0 { "Nothing answers behind it" } else { "Targets that do not answer" },
        text,
        vec![read],
    )
    .because("the load balancer's own check")
    .trap("A check may fail because the check is wrong: its path, its port, a security group.")
    .trap("Replacing every target at once takes the service down; one after the other does not.");
    let draft = if subject.led_to_by(EdgeKind::Targets).next().is_none() {
        draft.at_most(Level::Low, "no load balancer leads to it")
    } else {
        draft
    };
    draft.propose(Proposal::Advice("find out why before anything is replaced: logs of the targets, their last change, the check itself".into()), "nothing: the cause comes first").found()
}

pub(crate) const ALARM_ON: Analyzer = Analyzer {
    name: "alarm-on",
    class: Class::Fault,
    about: "An alarm that is on for longer than `alarm_minutes`, or is on and tells nobody.",
    kind: kind::ALARM,
    listing: "cloudwatch:DescribeAlarms",
    against: &[],
    each: &[],
    spared_by: Signs::None,
    judge: alarm_on,
};

fn alarm_on(subject: &Subject<'_, '_>) -> Judged {
    let alarm: Alarm = subject.attributes()?;
    let minutes = subject.snapshot.taken().until.since(alarm.state_updated_timestamp).div_euclid(60_000);
    let mute = !alarm.actions_enabled || alarm.alarm_actions.is_empty();
    if alarm.state_value != "ALARM" || (minutes < i64::from(subject.parameters.alarm_minutes) && !mute) {
        return Ok(Judgement::Fine);
    }
    // What scales in is on whenever there is little to do.
    if alarm.alarm_actions.iter().any(|action| action.contains(":scalingPolicy:")) {
        return spared("it scales something: to be on is how it works");
    }
    let told = if mute { ", and it tells nobody" } else { "" };
    Draft::new(
        "Alarm that is on",
        format!("on since {}{told}", alarm.state_updated_timestamp),
        subject.listed(),
    )
    .because("the cloud says so")
    .trap("An alarm that is always on is often a wrong threshold; silencing it hides the next fault.")
    .propose(
        Proposal::Advice("what it watches is looked at first; the alarm itself is changed last".into()),
        "the alarm's threshold or actions, once the cause is known",
    )
    .found()
}

pub(crate) const STACK_STUCK: Analyzer = Analyzer {
    name: "stack-stuck",
    class: Class::Fault,
    about: "A stack whose update or rollback failed, or that is in transition for longer than `stack_minutes`.",
    kind: kind::STACK,
    listing: "cloudformation:DescribeStacks",
    against: &[],
    each: &[],
    spared_by: Signs::None,
    judge: stack_stuck,
};

fn stack_stuck(subject: &Subject<'_, '_>) -> Judged {
    let stack: Stack = subject.attributes()?;
    let status = stack.stack_status.as_str();
    let since = stack.last_updated_time.unwrap_or(stack.creation_time);
    let minutes = subject.snapshot.taken().until.since(since).div_euclid(60_000);
    let lasting = status.ends_with("_IN_PROGRESS")
        && status != "REVIEW_IN_PROGRESS"
        && minutes >= i64::from(subject.parameters.stack_minutes);
    let failed = status.ends_with("_FAILED") || status == "ROLLBACK_COMPLETE";
    if !lasting && !failed {
        return Ok(Judgement::Fine);
    }
    let draft = Draft::new(
        "Stack that is stuck",
        format!("{} since {}", model::sanitize(status, 60), day(since)),
        subject.listed(),
    )
    .because("the cloud says so")
    .trap("Deleting the stack and making it anew destroys everything that it owns: that is no repair.")
    .trap("Resources that are skipped when a rollback is continued no longer are what the stack says.");
    match status {
        "UPDATE_ROLLBACK_FAILED" => {
            let step = StepDraft::new(
                "cloudformation:ContinueUpdateRollback",
                json!({ "StackName": subject.name() }),
                "goes on with the rollback, in place; once what stopped it was put right",
            );
            draft.propose(Proposal::Change(vec![step]), "nothing: the stack itself is stuck")
        }
        "ROLLBACK_COMPLETE" => draft.propose(
            Proposal::Advice("it was never made and can only be deleted; what it owns is looked at first".into()),
            "nothing: it was never made",
        ),
        _ => draft.propose(
            Proposal::Advice("its events say which resource it waits for or failed at; that is put right in place, then the stack is updated".into()),
            "nothing: the cause comes first",
        ),
    }
    .found()
}

pub(crate) const STACK_DRIFTED: Analyzer = Analyzer {
    name: "stack-drifted",
    class: Class::Fault,
    about: "A stack whose resources are no longer what its template says, by the last detection. A stack that was never looked at is not known.",
    kind: kind::STACK,
    listing: "cloudformation:DescribeStacks",
    against: &[],
    each: &[],
    spared_by: Signs::None,
    judge: stack_drifted,
};

fn stack_drifted(subject: &Subject<'_, '_>) -> Judged {
    let stack: Stack = subject.attributes()?;
    let Some(drift) = stack.drift_information else {
        return Err(crate::draft::NotKnown(
            "drift was never detected: cloudformation:DetectStackDrift asks for it".into(),
        ));
    };
    match (drift.stack_drift_status.as_str(), drift.last_check_timestamp) {
        ("IN_SYNC", _) => Ok(Judgement::Fine),
        ("DRIFTED", Some(checked)) => {
            let age = subject.days_since(checked);
            let draft = Draft::new("Stack that has drifted", format!("detected on {}", day(checked)), subject.listed())
                .because("the cloud compared template and resources")
                .trap("The next update puts the template's values back over what was changed by hand, and somebody had a reason for that.");
            let draft = if age > i64::from(subject.parameters.idle_days) {
                draft.at_most(Level::Medium, format!("the detection is {age} days old"))
            } else {
                draft
            };
            draft
                .propose(Proposal::Advice("see what differs (cloudformation:DescribeStackResourceDrifts), then bring the template to it, or it to the template".into()), "what was changed by hand, where it is to stay")
                .found()
        }
        _ => Err(crate::draft::NotKnown(
            "drift was never detected: cloudformation:DetectStackDrift asks for it".into(),
        )),
    }
}

pub(crate) const CERTIFICATE_ENDING: Analyzer = Analyzer {
    name: "certificate-ending",
    class: Class::Fault,
    about: "A certificate in use that ends within `certificate_days`, or has ended.",
    kind: kind::CERTIFICATE,
    listing: "acm:ListCertificates",
    against: &[],
    each: &[],
    spared_by: Signs::None,
    judge: certificate_ending,
};

fn certificate_ending(subject: &Subject<'_, '_>) -> Judged {
    let certificate: Certificate = subject.attributes()?;
    let left = certificate.not_after.since(subject.now).div_euclid(86_400_000);
    if !certificate.in_use || left > i64::from(subject.parameters.certificate_days) {
        return Ok(Judgement::Fine);
    }
    let domain = model::sanitize(&certificate.domain_name, 120);
    let text = if left < 0 {
        format!("the certificate of {domain} ended on {}", day(certificate.not_after))
    } else {
        format!("the certificate of {domain} ends on {}, in {left} days", day(certificate.not_after))
    };
    let issued = certificate.r#type == "AMAZON_ISSUED";
    let draft = Draft::new(
        if left < 0 { "Certificate that has ended" } else { "Certificate that ends soon" },
        text,
        subject.listed(),
    )
    .because("its own date, and the time now");
    let (trap, advice) = if issued && certificate.renewal_eligibility == "ELIGIBLE" {
        (
            "It renews itself only while its DNS record for validation stands, or somebody answers the mail.",
            "it should have renewed itself: its validation record in DNS is missing or wrong",
        )
    } else {
        (
            "An imported certificate never renews itself.",
            "import its successor under the same ARN, so that nothing has to be pointed elsewhere",
        )
    };
    draft.trap(trap).propose(Proposal::Advice(advice.into()), "the certificate's validation").found()
}

pub(crate) const PORT_OPEN: Analyzer = Analyzer {
    name: "admin-port-open",
    class: Class::Fault,
    about: "A security group in use that lets the whole internet to a port by which machines or databases are administered (`admin_ports`).",
    kind: kind::SECURITY_GROUP,
    listing: "ec2:DescribeSecurityGroups",
    against: &["ec2:DescribeNetworkInterfaces"],
    each: &[],
    spared_by: Signs::None,
    judge: port_open,
};

fn port_open(subject: &Subject<'_, '_>) -> Judged {
    let group: SecurityGroup = subject.attributes()?;
    let mut steps = Vec::new();
    let mut open = Vec::new();
    for permission in &group.ip_permissions {
        let ports = opened(permission, &subject.parameters.admin_ports);
        if ports.is_empty() {
            continue;
        }
        open.extend(ports);
        let mut rule = json!({ "IpProtocol": permission.ip_protocol });
        for (name, port) in [("FromPort", permission.from_port), ("ToPort", permission.to_port)] {
            if let (Some(port), Some(members)) = (port, rule.as_object_mut()) {
                members.insert(name.into(), port.into());
            }
        }
        if let Some(members) = rule.as_object_mut() {
            let everybody = [
                (
                    "IpRanges",
                    permission.ip_ranges.iter().any(|range| range.cidr_ip == "0.0.0.0/0"),
                    json!([{ "CidrIp": "0.0.0.0/0" }]),
                ),
                (
                    "Ipv6Ranges",
                    permission.ipv6_ranges.iter().any(|range| range.cidr_ipv6 == "::/0"),
                    json!([{ "CidrIpv6": "::/0" }]),
                ),
            ];
            members.extend(
                everybody
                    .into_iter()
                    .filter(|(_, open, _)| *open)
                    .map(|(name, _, value)| (name.to_owned(), value)),
            );
        }
        steps.push(StepDraft::new(
            "ec2:RevokeSecurityGroupIngress",
            json!({ "GroupId": subject.name(), "IpPermissions": [rule] }),
            "closes it to the world, once the narrower rule stands",
        ));
    }
    open.sort_unstable();
    open.dedup();
    if open.is_empty() {
        return Ok(Judgement::Fine);
    }
    let interfaces = subject.whole("ec2:DescribeNetworkInterfaces")?;
    let used = subject.led_to_by(EdgeKind::RefersTo).count();
    if used == 0 {
        return spared("no interface is in this group: nothing is reached through it");
    }
    let ports = open.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
    Draft::new("Port that is open to the world", format!("{ports} from anywhere"), subject.listed())
        .fact(format!("{used} interfaces are in the group"), interfaces)
        .at_most(Level::Medium, "who comes in through it, flow logs would tell; they were not read")
        .trap("Closing it locks out whoever comes in that way, perhaps the only way: the narrower rule comes first.")
        .propose(Proposal::Change(steps), "the rule's source: the networks from which it is administered")
        .found()
}

/// Which of `ports` the rule opens to everybody.
fn opened(permission: &Permission, ports: &[u16]) -> Vec<u16> {
    let everybody = permission.ip_ranges.iter().any(|range| range.cidr_ip == "0.0.0.0/0")
        || permission.ipv6_ranges.iter().any(|range| range.cidr_ipv6 == "::/0");
    let within = |port: u16| match permission.ip_protocol.as_str() {
        "-1" => true,
        "tcp" | "6" => {
            let (from, to) = (permission.from_port.unwrap_or(0), permission.to_port.unwrap_or(65_535));
            (from..=to).contains(&i64::from(port))
        }
        _ => false,
    };
    ports.iter().copied().filter(|port| everybody && within(*port)).collect()
}
