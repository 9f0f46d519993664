//! Why a request gets its verdict: the request as an example describes it, judged by the whole law, and by each rule that
//! determined the verdict alone. For people; nothing here decides anything.

use model::{Chain, Environment, RuleRef, Tally, Timestamp, Verdict};

use crate::{
    bundle::Bundle,
    calendar::TimeFacts,
    examples::{Given, GrantsIn, read_given},
    law::Law,
    problem::{LoadError, Problems},
    reader::{Section, read_toml},
    rules::Place,
};

/// What is said of one request.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// As the file calls it.
    pub name: Option<String>,
    pub line: u32,
    pub verdict: Verdict,
    /// Whether the grants of agent and operator had a say; otherwise it was judged by the constitution alone.
    pub with_grants: bool,
    /// Each rule that determined the verdict, and what it would say if there were no other; `None` of a grant's.
    pub rules: Vec<(RuleRef, Option<Verdict>)>,
}

/// Whom the roster could bring to sign, where the request does not say.
pub type Eligible<'e> = dyn Fn(&Chain, &Environment) -> Tally + 'e;

impl Bundle {
    /// The requests of a file: `[[example]]` tables, as beside a rule, or one request at the top. What it expects is not
    /// read. Without `agent` a request is judged by the constitution alone. The hour is the calendar's at `at`, or the next from
    /// `now` on that is as `time` says.
    pub fn explain(
        &self,
        file: &str,
        text: &str,
        now: Timestamp,
        eligible: &Eligible<'_>,
    ) -> Result<Vec<Explanation>, LoadError> {
        let problems = Problems::default();
        let requests = read_toml(file, text, &problems, |root| Some(read(root))).unwrap_or_default();
        problems.into_result()?;
        Ok(requests.into_iter().map(|request| self.explained(request, now, eligible)).collect())
    }

    fn explained(&self, request: Request, now: Timestamp, eligible: &Eligible<'_>) -> Explanation {
        let Request { name, line, mut given, at, says_who_could } = request;
        let like = |it: &TimeFacts| it.peak == given.time.peak && it.frozen == given.time.frozen;
        let next = || self.next_time_like(now, &given.environment, &like);
        // An hour that the calendar has; as described, where it has none.
        if let Some(at) = at.or_else(next) {
            given.at = at;
            given.time = self.time_facts(at, &given.environment);
        }
        let with_grants = given.enforce_grants == GrantsIn::Force;
        if with_grants && !says_who_could {
            given.eligible = eligible(&given.chain(), &given.environment);
        }
        let verdict = given.judge(&|facts, hour, grants, ahead| self.judge(facts, hour, grants, ahead), self);
        let rules = verdict.rules().iter().map(|rule| (rule.clone(), self.alone(rule, &given))).collect();
        Explanation { name, line, verdict, with_grants, rules }
    }

    /// What one rule of the constitution asks for.
    fn alone(&self, rule: &RuleRef, given: &Given) -> Option<Verdict> {
        let parts = self.parts();
        let rule = parts.law.rules().find(|it| it.reference == *rule)?;
        if !rule.reference.file.starts_with("constitution/") {
            return None;
        }
        let law = Law::new(vec![(Place::Constitution, rule.clone())], self.vocabulary()).ok()?;
        let mut given = given.clone();
        given.enforce_grants = GrantsIn::Abeyance;
        Some(given.judge(&|facts, hour, grants, ahead| self.judge_by(&law, facts, hour, grants, ahead), self))
    }
}

struct Request {
    name: Option<String>,
    line: u32,
    given: Given,
    at: Option<Timestamp>,
    says_who_could: bool,
}

fn read(root: &Section<'_>) -> Vec<Request> {
    if root.has("example") {
        root.sections("example").iter().filter_map(read_one).collect()
    } else {
        read_one(root).into_iter().collect()
    }
}

fn read_one(section: &Section<'_>) -> Option<Request> {
    let name = section.parsed::<String>("name");
    let at = section.parsed::<Timestamp>("at");
    let grants = if section.has("agent") { GrantsIn::Force } else { GrantsIn::Abeyance };
    let says_who_could = section.has("eligible");
    let given = read_given(section, grants);
    for key in ["expect", "people", "rules"] {
        section.has(key);
    }
    if section.has("at") && section.has("time") {
        let hint = "`time` says what the hour is like, `at` looks it up in the calendar".to_owned();
        section.wrong("at", "`at` and `time` contradict each other".to_owned(), Some(hint));
    }
    if section.has("agent") != section.has("operator") {
        let hint =
            "with both their grants have a say; without either the constitution is asked alone".to_owned();
        section.wrong(
            "agent",
            "a request names both `agent` and `operator`, or neither".to_owned(),
            Some(hint),
        );
    }
    for key in ["effects", "kind", "environment"] {
        if !section.has(key) {
            section.missing(key, "a request says at least effects, kind and environment");
        }
    }
    section.finish();
    Some(Request { name, line: section.line(), given: given?, at, says_who_could })
}
