//! Asks an agenda's questions of several solvers at once, one request environment at a time each, and says of every
//! question how it was answered. A solver that fails at one question is replaced before the next; whatever comes of
//! that, no answer is a proof but `unsat`.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use cedar_policy::{RequestEnv, Schema};
use cedar_policy_symcc::{CedarSymCompiler, CompiledPolicy, CompiledPolicySet, Env, err::Error};
use tokio::time::timeout;

use crate::{
    clock::Stopwatch,
    question::{Agenda, Ask, Must, SetIndex, Under},
    solver::{Cvc5, SolverChoice, SolverError, told},
};

/// Of one test in one request environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Holds,
    Fails,
    /// It need hold only somewhere, and did elsewhere already.
    Spared,
    /// No answer, and why.
    None(String),
}

#[derive(Clone, Debug)]
pub(crate) struct Answered {
    pub(crate) answer: Answer,
    pub(crate) took: Duration,
}

/// The schemas that questions are asked under.
#[derive(Debug)]
pub(crate) struct Schemas<'a> {
    pub(crate) plain: &'a Schema,
    pub(crate) doubled: &'a Schema,
}

/// After so many failures a solver is not started again: each may have cost its whole time.
const MAX_FAILURES: usize = 2;

/// By test, then by request environment.
pub(crate) fn ask_all(
    agenda: &Agenda,
    schemas: &Schemas<'_>,
    environments: &[RequestEnv],
    choice: &SolverChoice,
) -> Result<Vec<Vec<Answered>>, SolverError> {
    let todo: Mutex<Vec<usize>> = Mutex::new((0..environments.len()).rev().collect());
    let done: Mutex<Vec<Option<Vec<Answered>>>> = Mutex::new(vec![None; environments.len()]);
    let held: Vec<AtomicBool> = agenda.tests.iter().map(|_| AtomicBool::new(false)).collect();
    let work = || -> Result<(), SolverError> {
        let mut desk = Desk::new(agenda, schemas, choice);
        let runtime = runtime()?;
        loop {
            let next = todo.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(nth) = next else { return Ok(()) };
            let Some(environment) = environments.get(nth) else { return Ok(()) };
            let answers = runtime.block_on(desk.ask_in(environment, &held))?;
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(place) = done.get_mut(nth) {
                *place = Some(answers);
            }
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..choice.processes.max(1)).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| match worker.join() {
            Ok(result) => result,
            Err(_) => Err(strange(choice, "the thread that asks it has panicked")),
        })
    })?;
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    let missing = || vec![Answered::none("it was not asked"); agenda.tests.len()];
    let by_environment: Vec<_> = done.into_iter().map(|answers| answers.unwrap_or_else(missing)).collect();
    Ok((0..agenda.tests.len())
        .map(|test| {
            let of_test = by_environment.iter().map(|answers| answers.get(test).cloned());
            of_test.map(|answer| answer.unwrap_or_else(|| Answered::none("it was not asked"))).collect()
        })
        .collect())
}

/// A request for which the test fails in this environment.
pub(crate) fn counterexample(
    agenda: &Agenda,
    test: usize,
    schemas: &Schemas<'_>,
    environment: &RequestEnv,
    choice: &SolverChoice,
) -> Result<Env, String> {
    let runtime = runtime().map_err(|err| told(&err))?;
    runtime.block_on(async {
        let mut desk = Desk::new(agenda, schemas, choice);
        let ask = agenda.tests.get(test).map(|test| &test.ask).ok_or("there is no such test")?;
        let solver = Cvc5::start(choice).await.map_err(|err| told(&err))?;
        let mut compiler = CedarSymCompiler::new(solver).map_err(|err| told(&err))?;
        let finding = desk.compiled(environment, ask)?;
        match timeout(choice.per_question, finding.model(&mut compiler)).await {
            Ok(Ok(Some(env))) => Ok(env),
            Ok(Ok(None)) => Err("the solver takes back what it said".to_owned()),
            Ok(Err(err)) => Err(told(&err)),
            Err(_) => Err("the solver finds no example in time".to_owned()),
        }
    })
}

fn runtime() -> Result<tokio::runtime::Runtime, SolverError> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(|source| SolverError::Missing { program: "(runtime)".into(), source })
}

pub(crate) fn block_on<T>(future: impl Future<Output = Result<T, SolverError>>) -> Result<T, SolverError> {
    runtime()?.block_on(future)
}

fn strange(choice: &SolverChoice, why: &str) -> SolverError {
    SolverError::Strange { program: choice.program.clone(), why: why.to_owned() }
}

impl Answered {
    fn none(why: &str) -> Self {
        Self { answer: Answer::None(why.to_owned()), took: Duration::ZERO }
    }
}

/// One worker's solver and what it has compiled for the environment at hand.
struct Desk<'a> {
    agenda: &'a Agenda,
    schemas: &'a Schemas<'a>,
    choice: &'a SolverChoice,
    compiler: Option<CedarSymCompiler<Cvc5>>,
    failures: usize,
    sets: HashMap<SetIndex, CompiledPolicySet>,
}

/// A question in the terms of the symbolic compiler.
enum Compiled<'c> {
    NeverErrs(Box<CompiledPolicy>),
    Implies(&'c CompiledPolicySet, &'c CompiledPolicySet),
    MatchImplies(Box<CompiledPolicy>, Box<CompiledPolicy>),
}

impl<'a> Desk<'a> {
    fn new(agenda: &'a Agenda, schemas: &'a Schemas<'a>, choice: &'a SolverChoice) -> Self {
        Self { agenda, schemas, choice, compiler: None, failures: 0, sets: HashMap::new() }
    }

    /// `held`: by test, whether it has held somewhere.
    async fn ask_in(
        &mut self,
        environment: &RequestEnv,
        held: &[AtomicBool],
    ) -> Result<Vec<Answered>, SolverError> {
        self.sets.clear();
        let agenda = self.agenda;
        let mut answers = Vec::new();
        for (test, held) in agenda.tests.iter().zip(held) {
            let watch = Stopwatch::start();
            let answer = match test.must {
                Must::HoldSomewhere if held.load(Ordering::Relaxed) => Answer::Spared,
                Must::HoldSomewhere | Must::HoldEverywhere => self.ask(environment, &test.ask).await?,
            };
            if answer == Answer::Holds {
                held.store(true, Ordering::Relaxed);
            }
            answers.push(Answered { answer, took: watch.elapsed() });
        }
        Ok(answers)
    }

    /// An error only where there never was a solver.
    async fn ask(&mut self, environment: &RequestEnv, ask: &Ask) -> Result<Answer, SolverError> {
        if self.failures > MAX_FAILURES {
            return Ok(Answer::None("the solver has failed too often".to_owned()));
        }
        let mut compiler = match self.compiler.take() {
            Some(compiler) => compiler,
            None => match self.start().await {
                Ok(compiler) => compiler,
                Err(err) if self.failures == 0 => return Err(err),
                Err(err) => {
                    self.failures = self.failures.saturating_add(1);
                    return Ok(Answer::None(told(&err)));
                }
            },
        };
        let limit = self.choice.per_question;
        let finding = match self.compiled(environment, ask) {
            Ok(finding) => finding,
            Err(why) => {
                self.compiler = Some(compiler);
                return Ok(Answer::None(why));
            }
        };
        let answer = match timeout(limit, finding.holds(&mut compiler)).await {
            Ok(Ok(holds)) => {
                let differs = matches!(ask, Ask::Differs(..));
                if holds == differs { Answer::Fails } else { Answer::Holds }
            }
            Ok(Err(Error::SolverUnknown)) => Answer::None("the solver does not know".to_owned()),
            Ok(Err(err)) => {
                self.failures = self.failures.saturating_add(1);
                return Ok(Answer::None(told(&err)));
            }
            // The process dies with its compiler.
            Err(_) => {
                self.failures = self.failures.saturating_add(1);
                return Ok(Answer::None(format!("no answer within {} s", limit.as_secs())));
            }
        };
        self.compiler = Some(compiler);
        Ok(answer)
    }

    async fn start(&self) -> Result<CedarSymCompiler<Cvc5>, SolverError> {
        let solver = Cvc5::start(self.choice).await?;
        CedarSymCompiler::new(solver).map_err(|err| strange(self.choice, &told(&err)))
    }

    fn compiled(&mut self, environment: &RequestEnv, ask: &Ask) -> Result<Compiled<'_>, String> {
        let policy = |policy, under| {
            let schema = self.schemas.of(under);
            CompiledPolicy::compile(policy, environment, schema).map(Box::new).map_err(|err| told(&err))
        };
        match ask {
            Ask::NeverErrs(one) => Ok(Compiled::NeverErrs(policy(one, Under::Schema)?)),
            Ask::MatchImplies(one, other, under) => {
                Ok(Compiled::MatchImplies(policy(one, *under)?, policy(other, *under)?))
            }
            Ask::Implies(one, other) | Ask::Differs(one, other) => {
                for index in [*one, *other] {
                    if !self.sets.contains_key(&index) {
                        let set = self.agenda.sets.get(index).ok_or("there is no such set")?;
                        let schema = self.schemas.of(set.under);
                        let compiled = CompiledPolicySet::compile(&set.policies, environment, schema);
                        self.sets.insert(index, compiled.map_err(|err| told(&err))?);
                    }
                }
                match (self.sets.get(one), self.sets.get(other)) {
                    (Some(one), Some(other)) => Ok(Compiled::Implies(one, other)),
                    _ => Err("there is no such set".to_owned()),
                }
            }
        }
    }
}

impl Schemas<'_> {
    pub(crate) fn of(&self, under: Under) -> &Schema {
        match under {
            Under::Schema => self.plain,
            Under::Doubled => self.doubled,
        }
    }
}

impl Compiled<'_> {
    async fn holds(&self, compiler: &mut CedarSymCompiler<Cvc5>) -> Result<bool, Error> {
        match self {
            Self::NeverErrs(policy) => compiler.check_never_errors_opt(policy).await,
            Self::Implies(one, other) => compiler.check_implies_opt(one, other).await,
            Self::MatchImplies(one, other) => compiler.check_matches_implies_opt(one, other).await,
        }
    }

    async fn model(&self, compiler: &mut CedarSymCompiler<Cvc5>) -> Result<Option<Env>, Error> {
        match self {
            Self::NeverErrs(policy) => compiler.check_never_errors_with_counterexample_opt(policy).await,
            Self::Implies(one, other) => compiler.check_implies_with_counterexample_opt(one, other).await,
            Self::MatchImplies(one, other) => {
                compiler.check_matches_implies_with_counterexample_opt(one, other).await
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        question::{Must, environments, parse},
        rewrite::doubled_schema,
        theorems::DOUBLED,
    };

    /// How the question whether the rule can err is answered in each request environment; `None` where nobody can be
    /// asked.
    fn check(condition: &str, expected: &[Answer]) {
        let choice = SolverChoice::default();
        if let Err(SolverError::Missing { .. }) = block_on(crate::solver::version(&choice)) {
            eprintln!("SKIPPED: cvc5 is not installed; on Debian: apt-get install cvc5");
            return;
        }
        let text =
            format!("forbid (principal, action == Action::\"emit\", resource) when {{ {condition} }};");
        let mut agenda = Agenda::default();
        agenda.test(Ask::NeverErrs(Box::new(parse("p", &text).unwrap())), Must::HoldEverywhere);
        let schema = doubled_schema(DOUBLED).unwrap();
        let schemas = Schemas { plain: &schema, doubled: &schema };
        let mut agents = environments(&schema);
        agents.truncate(2);
        let answers = ask_all(&agenda, &schemas, &agents, &choice).unwrap();
        let answers: Vec<_> = answers.into_iter().flatten().map(|it| it.answer).collect();
        assert_eq!(answers, expected, "{condition}");
    }

    /// Loading refuses arithmetic, so that no bundle gets here with it.
    #[test]
    fn a_rule_that_can_err_is_found() {
        check("context.change.steps >= 2", &[Answer::Holds, Answer::Holds]);
        check("context.change.steps * 2 >= 4", &[Answer::Holds, Answer::Fails]);
        check("context.change.steps < 0 && context.change.steps > 0", &[Answer::Holds, Answer::Holds]);
    }
}
