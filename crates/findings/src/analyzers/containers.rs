//! Container services: idle, or of one task only.

use snapshot::EdgeKind;

use super::{data::is_playground, in_use};
use crate::{
    Class, Level,
    analyzer::Analyzer,
    draft::{Draft, Judged, Judgement, Proposal, spared},
    kind,
    rhythm::{self, Metric},
    signs::Signs,
    subject::Subject,
    views::Tasks,
};

impl Tasks {
    /// As many as it says, and not one on each machine.
    fn are_counted(&self) -> bool {
        self.scheduling_strategy != "DAEMON" && !matches!(self.status.as_str(), "DRAINING" | "INACTIVE")
    }
}

pub(crate) const SERVICE_OF_ONE_TASK: Analyzer = Analyzer {
    name: "service-of-one-task",
    class: Class::Fault,
    about: "A container service that is to run one task only: when that one ends or its zone fails, nothing answers until another has started.",
    kind: kind::SERVICE,
    listing: "ecs:ListServices",
    against: &["ecs:DescribeServices"],
    each: &[],
    spared_by: Signs::None,
    judge: service_of_one_task,
};

fn service_of_one_task(subject: &Subject<'_, '_>) -> Judged {
    let (tasks, read): (Tasks, _) = subject.described("ecs:DescribeServices")?;
    if tasks.desired_count != 1 || !tasks.are_counted() {
        return Ok(Judgement::Fine);
    }
    if is_playground(subject) {
        return spared("a tag says that it is for development");
    }
    let draft = Draft::new("Service of one task only", "it is to run one task", vec![read])
        .because("the cloud says so; whether one is enough, only people know")
        .trap("Some must be one: what holds a lock, or counts, does its work twice where two run.");
    let draft = match subject.led_to_by(EdgeKind::Targets).next() {
        Some(edge) => draft.fact(
            format!("{} sends traffic to it", model::sanitize(edge.from.as_str(), 200)),
            vec![edge.read],
        ),
        None => draft.at_most(Level::Medium, "no load balancer leads to it: it may have to be one"),
    };
    draft
        .propose(
            Proposal::Advice(
                "ecs:UpdateService with a desiredCount of 2, in subnets of more than one zone".into(),
            ),
            "`DesiredCount: 2`",
        )
        .found()
}

pub(crate) const SERVICE_IDLE: Analyzer = Analyzer {
    name: "service-idle",
    class: Class::Waste,
    about: "A container service whose processor never came above `idle_cpu` for `idle_days`, behind no load balancer.",
    kind: kind::SERVICE,
    listing: "ecs:ListServices",
    against: &["ecs:DescribeServices"],
    each: &["cloudwatch:GetMetricData"],
    spared_by: Signs::All,
    judge: service_idle,
};

const CPU: Metric = Metric { namespace: "AWS/ECS", name: "CPUUtilization", statistic: "Maximum", above: 0.0 };

fn service_idle(subject: &Subject<'_, '_>) -> Judged {
    let (tasks, read): (Tasks, _) = subject.described("ecs:DescribeServices")?;
    let parameters = subject.parameters;
    let young =
        tasks.created_at.is_some_and(|since| subject.days_since(since) < i64::from(parameters.idle_days));
    if tasks.desired_count == 0 || young || !tasks.are_counted() {
        return Ok(Judgement::Fine);
    }
    let uses = [Metric { above: parameters.idle_cpu, ..CPU }];
    let rhythm = rhythm::of(subject, tasks.created_at, &uses)?;
    if let Some(stands) = in_use(subject, &rhythm)? {
        return Ok(stands);
    }
    if let Some(edge) = subject.led_to_by(EdgeKind::Targets).next() {
        return spared(format!("{} sends traffic to it", model::sanitize(edge.from.as_str(), 200)));
    }
    let draft = Draft::new("Service that does nothing", format!("{} tasks", tasks.desired_count), vec![read])
        .fact(rhythm.tells(), rhythm.reads.clone())
        .saving(subject.whole_cost())
        .at_most(Level::Medium, "what waits for work, in a queue or of other services, looks the same")
        .trap("Waiting can be what it is for: what takes work from a queue does nothing while that is empty.")
        .trap("Other services may call it without a load balancer, by a name of the cluster's own.");
    rhythm
        .sure(draft, parameters)
        .propose(
            Proposal::Advice("ecs:UpdateService with a desiredCount of 0 shows who misses it, and the number before brings it back; it bears no mark, so people decide".into()),
            "`DesiredCount: 0`, and once nobody missed it take the service out of the template",
        )
        .found()
}
