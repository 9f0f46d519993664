//! Waste in what computes: machines, functions, containers.

use model::Timestamp;
use serde::de::IgnoredAny;
use serde_json::json;
use snapshot::{EdgeKind, ReadRef};

use super::in_use;
use crate::{
    Amount, Class, Level, Saving,
    analyzer::Analyzer,
    draft::{Draft, Judged, Judgement, NotKnown, Proposal, StepDraft, spared},
    kind,
    price_of::{self, Bound, Cost},
    rhythm::{self, Metric, day},
    signs::Signs,
    subject::{Answer, Subject},
    views::{DescribedTaskDefinition, Function, Instance, Scaling, Service},
};

pub(crate) const INSTANCE_IDLE: Analyzer = Analyzer {
    name: "instance-idle",
    class: Class::Waste,
    about: "A running machine whose processor never came above `idle_cpu` and whose network stayed below `idle_network_bytes` a day for `idle_days`, on demand, in no scaling group, behind no target group.",
    kind: kind::INSTANCE,
    listing: "ec2:DescribeInstances",
    against: &["autoscaling:DescribeAutoScalingGroups", "elbv2:DescribeTargetHealth"],
    each: &["cloudwatch:GetMetricData"],
    spared_by: Signs::All,
    judge: instance_idle,
};

const CPU: Metric = Metric { namespace: "AWS/EC2", name: "CPUUtilization", statistic: "Maximum", above: 0.0 };
const NETWORK: [Metric; 2] = [
    Metric { namespace: "AWS/EC2", name: "NetworkIn", statistic: "Sum", above: 0.0 },
    Metric { namespace: "AWS/EC2", name: "NetworkOut", statistic: "Sum", above: 0.0 },
];

fn instance_idle(subject: &Subject<'_, '_>) -> Judged {
    let instance: Instance = subject.attributes()?;
    if instance.state.name != "running" || is_young(subject, instance.launch_time) {
        return Ok(Judgement::Fine);
    }
    let parameters = subject.parameters;
    let uses: Vec<Metric> = std::iter::once(Metric { above: parameters.idle_cpu, ..CPU })
        .chain(NETWORK.map(|metric| Metric { above: parameters.idle_network_bytes, ..metric }))
        .collect();
    let rhythm = rhythm::of(subject, Some(instance.launch_time), &uses)?;
    if let Some(stands) = in_use(subject, &rhythm)? {
        return Ok(stands);
    }
    if let Some(why) = of_a_group(subject) {
        return spared(why);
    }
    if instance.instance_lifecycle.is_some() {
        return spared("it is not paid for on demand");
    }
    let kind = model::sanitize(&instance.instance_type, 40);
    let text = format!("{kind}, running since {}", day(instance.launch_time));
    let draft = Draft::new("Machine that does nothing", text, subject.listed())
        .fact(rhythm.tells(), rhythm.reads.clone())
        .saving(subject.whole_cost())
        .trap("A stopped machine loses what is on its instance store, and its public address unless that is an elastic one.")
        .trap("Its volumes are paid for as long as they are there.")
        .trap("Waiting can be what it is for: a license server, a bastion, something that only listens.");
    let stop = StepDraft::new(
        "ec2:StopInstances",
        json!({ "InstanceId": [subject.name()] }),
        "ends what is paid for it while it is stopped; StartInstances brings it back where there is room",
    );
    let proposal = if instance.stops() {
        Proposal::Retire(vec![stop])
    } else {
        Proposal::Advice("its root disk is an instance store: it cannot be stopped, only terminated for good, so people decide".into())
    };
    rhythm
        .sure(draft, parameters)
        .propose(proposal, "take the machine out of the template, or put it on a schedule")
        .found()
}

impl Instance {
    /// What has its root disk on the machine itself is lost when it stops: the cloud only terminates it.
    fn stops(&self) -> bool {
        self.root_device_type != "instance-store"
    }
}

/// Launched so lately that nothing can be said yet.
fn is_young(subject: &Subject<'_, '_>, since: Timestamp) -> bool {
    subject.days_since(since) < i64::from(subject.parameters.idle_days)
}

fn of_a_group(subject: &Subject<'_, '_>) -> Option<String> {
    if let Some(edge) = subject.leads_to(EdgeKind::MemberOf).next() {
        return Some(format!("{} would replace it", model::sanitize(edge.to.as_str(), 200)));
    }
    let edge = subject.led_to_by(EdgeKind::Targets).next()?;
    Some(format!("{} sends traffic to it", model::sanitize(edge.from.as_str(), 200)))
}

pub(crate) const INSTANCE_OVERSIZED: Analyzer = Analyzer {
    name: "instance-oversized",
    class: Class::Waste,
    about: "A running machine whose processor never came above `oversized_cpu`, and twice that on the next smaller size of its family. Memory is in no metric of the cloud's own: confidence is at most medium.",
    kind: kind::INSTANCE,
    listing: "ec2:DescribeInstances",
    against: &["autoscaling:DescribeAutoScalingGroups"],
    each: &["cloudwatch:GetMetricData"],
    spared_by: Signs::All,
    judge: instance_oversized,
};

fn instance_oversized(subject: &Subject<'_, '_>) -> Judged {
    let instance: Instance = subject.attributes()?;
    if instance.state.name != "running"
        || is_young(subject, instance.launch_time)
        || instance.instance_lifecycle.is_some()
    {
        return Ok(Judgement::Fine);
    }
    let (peak, reads, window) = rhythm::peak(subject, &CPU)?;
    let parameters = subject.parameters;
    // What is idle is another analyzer's.
    if peak > parameters.oversized_cpu || peak <= parameters.idle_cpu {
        return Ok(Judgement::Fine);
    }
    if window < i64::from(parameters.idle_days) {
        return Err(NotKnown(format!("it was observed for {window} days only")));
    }
    if subject.leads_to(EdgeKind::MemberOf).next().is_some() {
        return spared("its scaling group says how large it is: the number of machines is what to change");
    }
    if !instance.stops() {
        return spared("its root disk is an instance store: it cannot be stopped to be changed");
    }
    let Some((family, size)) = instance.instance_type.split_once('.') else { return Ok(Judgement::Fine) };
    let sizes = subject.prices.sizes(family);
    let smaller = sizes
        .iter()
        .take_while(|(name, _)| *name != size)
        .last()
        .filter(|_| sizes.iter().any(|(name, _)| *name == size));
    let Some((smaller, _)) = smaller else {
        return Err(NotKnown(format!(
            "what is smaller than {} the price table does not tell",
            model::sanitize(&instance.instance_type, 40)
        )));
    };
    let smaller = format!("{family}.{smaller}");
    let text = format!(
        "{}, running since {}",
        model::sanitize(&instance.instance_type, 40),
        day(instance.launch_time)
    );
    let steps = vec![
        StepDraft::new(
            "ec2:StopInstances",
            json!({ "InstanceId": [subject.name()] }),
            "its size is changed while it is stopped",
        ),
        StepDraft::new(
            "ec2:ModifyInstanceAttribute",
            json!({ "InstanceId": subject.name(), "InstanceType": { "Value": smaller } }),
            format!("makes it {smaller}"),
        ),
        StepDraft::new(
            "ec2:StartInstances",
            json!({ "InstanceId": [subject.name()] }),
            "and it is checked before anything else is done",
        ),
    ];
    Draft::new("Machine that is too large", text, subject.listed())
        .fact(format!("its processor was never above {peak:.0} % in {window} days"), reads)
        .at_most(Level::Medium, "how much memory it uses, no metric of the cloud's own tells")
        .saving(difference(subject, &[(format!("ec2:{smaller}"), 1_000_000)]))
        .trap("Changing the size interrupts it; it may not start again where there is no room for the new size.")
        .trap("While it is stopped it loses what is on its instance store, and its public address unless that is an elastic one.")
        .trap("Peaks shorter than a metric's period do not show in an average; the greatest value was taken.")
        .propose(Proposal::Change(steps), format!("the machine's `InstanceType: {smaller}`"))
        .found()
}

fn difference(subject: &Subject<'_, '_>, then: &[price_of::Bought]) -> Saving {
    let now = match subject.cost() {
        Cost::Known(now) => now,
        Cost::NotKnown(why) => return Saving::NotKnown(why),
        Cost::None => return Saving::NotKnown("nothing is known to be paid for it".into()),
    };
    match price_of::amount(then, Bound::Exact, subject.region(), subject.prices) {
        Ok(then) => Saving::Known(Amount { micros: now.micros.less(then.micros), ..now }),
        Err(why) => Saving::NotKnown(why),
    }
}

pub(crate) const INSTANCE_STOPPED: Analyzer = Analyzer {
    name: "instance-stopped",
    class: Class::Waste,
    about: "A machine that was stopped more than `stopped_days` ago: its volumes and addresses are paid for all the same.",
    kind: kind::INSTANCE,
    listing: "ec2:DescribeInstances",
    against: &["ec2:DescribeVolumes", "autoscaling:DescribeAutoScalingGroups"],
    each: &[],
    spared_by: Signs::All,
    judge: instance_stopped,
};

fn instance_stopped(subject: &Subject<'_, '_>) -> Judged {
    let instance: Instance = subject.attributes()?;
    if instance.state.name != "stopped" {
        return Ok(Judgement::Fine);
    }
    let Some(stopped) = stopped_at(&instance.state_transition_reason) else {
        return Err(NotKnown("since when it is stopped, the cloud does not say".into()));
    };
    let days = subject.days_since(stopped);
    if days < i64::from(subject.parameters.stopped_days) {
        return Ok(Judgement::Fine);
    }
    if let Some(why) = of_a_group(subject) {
        return spared(why);
    }
    let volumes: Vec<_> = subject.led_to_by(EdgeKind::AttachedTo).collect();
    let reads: Vec<_> = volumes.iter().map(|edge| edge.read).chain(subject.listed()).collect();
    Draft::new("Machine that stays stopped", format!("stopped on {}, {days} days ago", day(stopped)), subject.listed())
        .fact(format!("{} things stay attached to it", volumes.len()), reads)
        .at_most(Level::Medium, "what it was stopped for, and whether it is started by hand now and then, no read tells")
        .saving(attached(subject))
        .trap("Terminating it deletes the volumes that are marked to go with it, and it never comes back.")
        .propose(
            Proposal::Advice("ec2:CreateImage, and once the image was started from, ec2:TerminateInstances: a change of its own for people".into()),
            "take the machine out of the template",
        )
        .found()
}

/// What is paid for its volumes and addresses.
fn attached(subject: &Subject<'_, '_>) -> Saving {
    let mut total: Option<Amount> = None;
    for edge in subject.led_to_by(EdgeKind::AttachedTo) {
        let Some(resource) = subject.snapshot.resource(edge.from.as_str()) else { continue };
        match price_of::cost(subject.snapshot, resource, subject.prices) {
            Cost::Known(amount) => {
                total = Some(match total {
                    None => amount,
                    Some(sum) => Amount {
                        micros: sum.micros + amount.micros,
                        parts: [sum.parts, amount.parts].concat(),
                        approximate: sum.approximate || amount.approximate,
                        ..sum
                    },
                });
            }
            Cost::NotKnown(why) => return Saving::NotKnown(why),
            Cost::None => {}
        }
    }
    total.map_or_else(|| Saving::NotKnown("nothing that is attached to it has a price".into()), Saving::Known)
}

/// `User initiated (2026-03-01 10:00:00 GMT)`
fn stopped_at(reason: &str) -> Option<Timestamp> {
    let (_, inside) = reason.rsplit_once('(')?;
    let (day, time) = inside.strip_suffix(" GMT)")?.split_once(' ')?;
    format!("{day}T{time}Z").parse().ok()
}

pub(crate) const FUNCTION_IDLE: Analyzer = Analyzer {
    name: "function-idle",
    class: Class::Waste,
    about: "A function that was not called for `idle_days`, that no event source, schedule or rule calls. It costs next to nothing; what it may do does not.",
    kind: kind::FUNCTION,
    listing: "lambda:ListFunctions",
    against: &[
        "lambda:ListEventSourceMappings",
        "events:ListRules",
        "events:ListTargetsByRule",
        "scheduler:ListSchedules",
    ],
    each: &["lambda:GetPolicy", "cloudwatch:GetMetricData"],
    spared_by: Signs::All,
    judge: function_idle,
};

const INVOCATIONS: [Metric; 1] =
    [Metric { namespace: "AWS/Lambda", name: "Invocations", statistic: "Sum", above: 0.0 }];

fn function_idle(subject: &Subject<'_, '_>) -> Judged {
    let function: Function = subject.attributes()?;
    let born = function.since()?;
    if is_young(subject, born) {
        return Ok(Judgement::Fine);
    }
    let rhythm = rhythm::of(subject, Some(born), &INVOCATIONS)?;
    if let Some(stands) = in_use(subject, &rhythm)? {
        return Ok(stands);
    }
    let policy = match subject.answer::<IgnoredAny>("lambda:GetPolicy")? {
        Answer::Is(_, _) => return spared("its policy lets somebody call it"),
        Answer::Absent(read) => read,
    };
    let schedules =
        [subject.whole("scheduler:ListSchedules")?, subject.whole("events:ListTargetsByRule")?].concat();
    let draft = Draft::new("Function that nobody calls", rhythm.tells(), rhythm.reads.clone())
        .fact("its own policy lets no service call it (those of its versions and aliases were not read)", vec![policy])
        .fact("no schedule and no rule of any bus starts it", schedules)
        .saving(Saving::NotKnown("a function that is not called costs next to nothing".into()))
        .trap("A function may be called by its name from anywhere: throttling it to nothing for a while shows who misses it.")
        .trap("What runs once a year does not show in a shorter window.");
    let throttle = StepDraft::new(
        "lambda:PutFunctionConcurrency",
        json!({ "FunctionName": subject.name(), "ReservedConcurrentExecutions": 0 }),
        "nobody can call it; DeleteFunctionConcurrency lets them again",
    );
    rhythm
        .sure(draft, subject.parameters)
        .propose(Proposal::Retire(vec![throttle]), "take the function out of the template")
        .found()
}

pub(crate) const SERVICE_OVERSIZED: Analyzer = Analyzer {
    name: "service-oversized",
    class: Class::Waste,
    about: "A container service on Fargate whose tasks never used more than `oversized_cpu` of the processor and `oversized_memory` of the memory that their definition reserves. Of more than two tasks, half would do where nothing else sets how many there are, and a person may have that planned by its name; otherwise smaller ones, which people register.",
    kind: kind::SERVICE,
    listing: "ecs:ListServices",
    against: &["ecs:DescribeServices"],
    each: &[
        "ecs:DescribeTaskDefinition",
        "application-autoscaling:DescribeScalableTargets",
        "cloudwatch:GetMetricData",
    ],
    spared_by: Signs::All,
    judge: service_oversized,
};

const SERVICE_CPU: Metric =
    Metric { namespace: "AWS/ECS", name: "CPUUtilization", statistic: "Maximum", above: 0.0 };
const SERVICE_MEMORY: Metric =
    Metric { namespace: "AWS/ECS", name: "MemoryUtilization", statistic: "Maximum", above: 0.0 };
/// What each processor size offers of memory, in MiB, at least.
const LEAST_MEMORY: [(u64, u64); 5] = [(256, 512), (512, 1024), (1024, 2048), (2048, 4096), (4096, 8192)];

fn service_oversized(subject: &Subject<'_, '_>) -> Judged {
    let (service, _): (Service, _) = subject.described("ecs:DescribeServices")?;
    if service.launch_type != "FARGATE" || service.desired_count == 0 {
        return Ok(Judgement::Fine);
    }
    let (sizes, read) = match subject.answer::<DescribedTaskDefinition>("ecs:DescribeTaskDefinition")? {
        Answer::Is(described, read) => (described.task_definition, read),
        Answer::Absent(_) => return Err(NotKnown("its task definition is not there".into())),
    };
    let (cpu, memory) =
        (price_of::number(&sizes.cpu).map_err(NotKnown)?, price_of::number(&sizes.memory).map_err(NotKnown)?);
    let (cpu_peak, cpu_reads, window) = rhythm::peak(subject, &SERVICE_CPU)?;
    let (memory_peak, memory_reads, _) = rhythm::peak(subject, &SERVICE_MEMORY)?;
    let parameters = subject.parameters;
    if cpu_peak > parameters.oversized_cpu || memory_peak > parameters.oversized_memory {
        return Ok(Judgement::Fine);
    }
    let Some(way) = fewer(subject, &service).or_else(|| smaller(cpu, memory)) else {
        return Ok(Judgement::Fine);
    };
    if window < i64::from(parameters.idle_days) {
        return Err(NotKnown(format!("it was observed for {window} days only")));
    }
    let text = format!("{cpu} of processor and {memory} MiB for each of {} tasks", service.desired_count);
    let draft = Draft::new("Service that is too large", text, vec![read])
        .fact(format!("never above {cpu_peak:.0} % of its processor in {window} days"), cpu_reads)
        .fact(format!("never above {memory_peak:.0} % of its memory"), memory_reads);
    let draft = if window < i64::from(parameters.season_days) {
        draft.at_most(Level::Medium, format!("observed for {window} days: a yearly peak would not show"))
    } else {
        draft.because(format!("observed for {window} days"))
    };
    match way {
        Way::Fewer { tasks, scaling } => with_fewer_tasks(
            subject,
            &service,
            tasks,
            draft
                .fact("nothing is registered that sets how many tasks it has", vec![scaling])
                .saving(difference(subject, &price_of::fargate(cpu, memory, tasks))),
        ),
        Way::Smaller { cpu, memory } => with_smaller_tasks(
            subject,
            &service,
            (cpu, memory),
            draft.saving(difference(subject, &price_of::fargate(cpu, memory, service.desired_count))),
        ),
    }
    .found()
}

/// How a service becomes smaller.
enum Way {
    /// And the read that shows that nothing else sets how many there are.
    Fewer {
        tasks: u64,
        scaling: ReadRef,
    },
    Smaller {
        cpu: u64,
        memory: u64,
    },
}

/// Half of them, each with twice the load at most; two stay at least, so that one may fail. None where something else sets their number,
/// that is not known, or it does not run as it should.
fn fewer(subject: &Subject<'_, '_>, service: &Service) -> Option<Way> {
    let tasks = service.desired_count.div_ceil(2).max(2);
    if tasks >= service.desired_count || service.running_count != Some(service.desired_count) {
        return None;
    }
    match subject.answer::<Scaling>("application-autoscaling:DescribeScalableTargets") {
        Ok(Answer::Is(scaling, read)) if scaling.scalable_targets.is_empty() => {
            Some(Way::Fewer { tasks, scaling: read })
        }
        Ok(Answer::Is(..) | Answer::Absent(_)) | Err(_) => None,
    }
}

fn smaller(cpu: u64, memory: u64) -> Option<Way> {
    let cpu = cpu / 2;
    let (_, least) = LEAST_MEMORY.iter().find(|(size, _)| *size == cpu)?;
    Some(Way::Smaller { cpu, memory: (memory / 2).max(*least) })
}

fn with_fewer_tasks(subject: &Subject<'_, '_>, service: &Service, count: u64, draft: Draft) -> Draft {
    let parameters =
        json!({ "cluster": service.cluster_arn, "service": subject.name(), "desiredCount": count });
    let scale_in = StepDraft::new(
        "ecs:UpdateService",
        parameters,
        format!(
            "{count} tasks in place of {}, each with twice the load at most; the number before puts it back",
            service.desired_count
        ),
    )
    .scaling_in();
    draft
        .trap("Tasks that are stopped lose what they hold and have under way, unless they end it when they are told to.")
        .trap("Load that is not spread evenly (a queue's partitions, sticky sessions) may come to one task alone.")
        .propose(Proposal::Change(vec![scale_in]), format!("the service's `DesiredCount: {count}`"))
}

fn with_smaller_tasks(
    subject: &Subject<'_, '_>,
    service: &Service,
    (cpu, memory): (u64, u64),
    draft: Draft,
) -> Draft {
    let advice = format!(
        "ecs:RegisterTaskDefinition with {cpu} of processor and {memory} MiB and all else as it is, then ecs:UpdateService of {} in {}; UpdateService with the revision before puts it back",
        model::sanitize(subject.name(), 120),
        model::sanitize(&service.cluster_arn, 200)
    );
    draft
        .trap("A new task definition runs with the role that it names: registering it hands that role on.")
        .trap("The rollout replaces every task; with a circuit breaker it goes back by itself, without one it does not.")
        .propose(
            Proposal::Advice(advice),
            format!("the task definition's `Cpu: {cpu}` and `Memory: {memory}`"),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_when_it_is_stopped() {
        let check = |text, expected: Option<&str>| {
            assert_eq!(stopped_at(text).map(day).as_deref(), expected, "{text}")
        };
        check("User initiated (2026-03-01 10:00:00 GMT)", Some("2026-03-01"));
        check("", None);
        check("User initiated", None);
        check("Server.ScheduledStop: (soon GMT)", None);
    }
}
