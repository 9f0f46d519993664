//! What is to be achieved: a closed list, each with what it must be told. Whoever writes a goal (a person, a finding, a language
//! model) chooses among these; which calls follow from it is the planner's alone.

use std::{collections::BTreeMap, fmt};

use findings::{ANALYZERS, Analyzer, Class};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Goal {
    /// What is too large is made as large as it needs to be.
    Rightsize { of: Which },
    /// What is unused, or grows without end, goes: marked first, and only after the grace.
    CleanUp { of: Which },
    /// What is broken, or unprotected, is put right where it stands.
    Repair {
        of: Which,
        /// From where machines and databases are administered (`10.0.0.0/8`): what may still come in where a port is closed to the world.
        #[serde(default)]
        networks: Vec<String>,
    },
    /// What bears `tag` stops and starts at these times. Nothing without the tag is touched.
    OffHours {
        tag: Tag,
        /// `20:00`
        stop: String,
        /// `07:00`
        start: String,
        /// `MON-FRI`
        days: String,
        /// `Europe/Berlin`
        time_zone: String,
        /// The role with which the scheduler stops and starts machines and databases; scaling groups need none.
        #[serde(default)]
        role: Option<String>,
    },
    /// Something new runs.
    Deploy(Deploy),
    /// What ran before runs again.
    RollBack(RollBack),
    /// A setting is again what an earlier snapshot says.
    RestoreConfiguration {
        /// Its id or its name; `None`: of everything that differs.
        #[serde(default)]
        resource: Option<String>,
    },
}

/// Which findings a goal answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Which {
    /// All that the goal is for.
    All,
    /// Those of one analyzer.
    Analyzer(String),
    /// Those of these resources, by id or name.
    Resources(Vec<String>),
    /// These, by id.
    Findings(Vec<String>),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tag {
    pub key: String,
    pub value: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Deploy {
    /// An ECS service runs this task definition, which is registered already.
    Service { service: String, task_definition: String },
    /// A Lambda alias leads to this version, which is published already.
    Alias { function: String, alias: String, version: String },
    /// A CloudFormation stack with these parameters, and this template where one is given; what is not named stays.
    Stack {
        stack: String,
        #[serde(default)]
        parameters: BTreeMap<String, String>,
        #[serde(default)]
        template: Option<String>,
        /// As `CAPABILITY_IAM`.
        #[serde(default)]
        capabilities: Vec<String>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case", deny_unknown_fields)]
pub enum RollBack {
    /// To the task definition that the earlier snapshot names, or to `to`.
    Service {
        service: String,
        #[serde(default)]
        to: Option<String>,
    },
    Alias {
        function: String,
        alias: String,
        to: String,
    },
    /// To the state before the update that failed.
    Stack {
        stack: String,
    },
}

/// The kinds of goals that findings lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Repair,
    Rightsize,
    CleanUp,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Repair, Self::Rightsize, Self::CleanUp];

    /// The goal that a finding of this analyzer is a reason for.
    pub fn of(analyzer: &str) -> Self {
        const SIZES: [&str; 2] = ["-oversized", "-old-generation"];
        match ANALYZERS.iter().find(|one| one.name == analyzer) {
            Some(Analyzer { class: Class::Fault, .. }) => Self::Repair,
            Some(Analyzer { name, .. }) if SIZES.iter().any(|end| name.ends_with(end)) => Self::Rightsize,
            Some(_) | None => Self::CleanUp,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Repair => "repair",
            Self::Rightsize => "rightsize",
            Self::CleanUp => "clean-up",
        }
    }

    pub fn goal(self, of: Which) -> Goal {
        match self {
            Self::Repair => Goal::Repair { of, networks: Vec::new() },
            Self::Rightsize => Goal::Rightsize { of },
            Self::CleanUp => Goal::CleanUp { of },
        }
    }
}

impl Goal {
    /// What these findings are a reason for: their analyzers say which goal it is.
    pub fn of_findings(of: Which, networks: Vec<String>) -> Self {
        Self::Repair { of, networks }
    }

    pub const fn name(&self) -> &'static str {
        match self {
            Self::Rightsize { .. } => "rightsize",
            Self::CleanUp { .. } => "clean-up",
            Self::Repair { .. } => "repair",
            Self::OffHours { .. } => "off-hours",
            Self::Deploy(_) => "deploy",
            Self::RollBack(_) => "roll-back",
            Self::RestoreConfiguration { .. } => "restore-configuration",
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
