//! Codes of findings. They are for good: one that is no longer used is not used again.

use std::fmt;

use serde::{Serialize, Serializer};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Warning,
    Error,
}

macro_rules! codes {
    ($($name:ident = $code:literal, $level:ident, $what:literal, $hint:literal;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code { $($name,)* }

        impl Code {
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            pub fn level(self) -> Level {
                match self { $(Self::$name => Level::$level,)* }
            }

            /// What is found, without the case at hand.
            pub fn what(self) -> &'static str {
                match self { $(Self::$name => $what,)* }
            }

            /// What to do.
            pub fn hint(self) -> &'static str {
                match self { $(Self::$name => $hint,)* }
            }
        }
    };
}

codes! {
    NotEars = "SP101", Error, "a criterion that is no EARS sentence", "WHEN … THE system SHALL …; the place says where it ends to be one";
    SeveralShall = "SP102", Error, "more than one SHALL in a criterion", "one criterion, one obligation: make two of it";
    VagueWord = "SP103", Warning, "a word that cannot be measured", "say how much, how many or how long";
    Escape = "SP104", Warning, "a clause that takes the obligation back", "take it out, or say with IF or WHERE when the obligation does not hold";
    Pronoun = "SP105", Error, "a pronoun in place of the system", "name the system";
    NoUnit = "SP106", Warning, "a number without a unit", "say of what: seconds, MB, requests, %";
    UndefinedTerm = "SP107", Warning, "a system that the glossary does not define", "add it to the glossary, or use the glossary's word";
    NoStory = "SP108", Warning, "a requirement without a user story", "**User Story:** As a …, I want …, so that …";
    NoCriterion = "SP109", Error, "nothing that is required", "write acceptance criteria: 1. WHEN … THE … SHALL …";
    Passive = "SP110", Warning, "a response in the passive voice", "say what the system does, not what is done";
    DuplicateId = "SP111", Error, "the same number twice", "give one of them another number";
    Order = "SP112", Warning, "numbers out of order", "number them in order, without gaps; but what others refer to keeps its number";
    TermTwice = "SP113", Warning, "a term that is defined twice", "one word, one meaning";
    NoSection = "SP120", Error, "a section of a bugfix that is not there", "a bugfix says what is wrong, what is right, and what stays";
    NoContinue = "SP121", Error, "what stays is not said as that", "WHEN … THEN the system SHALL CONTINUE TO …";
    NoDefect = "SP122", Error, "a defect that is no WHEN … THEN …", "WHEN this happens THEN that goes wrong, without SHALL";
    Uncorrected = "SP123", Warning, "a defect without the behavior that is expected", "2.N says what 1.N should be";
    ValidatesNothing = "SP201", Error, "a property that validates nothing", "**Validates: Requirements 1.1**";
    PropertyTwice = "SP202", Error, "a property that is there twice", "give one of them another number";
    PropertyUnknown = "SP203", Error, "a property that refers to what is not there", "refer to a requirement or criterion that there is";
    NotForAny = "SP204", Warning, "a property that is not about every case", "*For any* …: a property holds for all of something";
    Unreadable = "SP205", Error, "a reference that cannot be read", "references are 1, 1.2 or 1.2-1.4, with commas between";
    TaskUnknown = "SP301", Error, "a task that refers to what is not there", "refer to a requirement or criterion that there is";
    NoTask = "SP302", Error, "a criterion without a task", "name it in a task: _Requirements: 1.1_";
    NoCheck = "SP303", Warning, "a step without a check: nothing can tick it", "- _Check some-name: what it verifies (1.1)_";
    OptionalTask = "SP304", Error, "a task that is optional and no subtask", "only subtasks may have `[ ]*`";
    DependsUnknown = "SP305", Error, "a task that depends on one that is not there, or on itself", "name tasks that there are, and that do not wait for this one";
    ForNothing = "SP306", Warning, "a task that is for no criterion", "- _Requirements: 1.1_";
    TestsUnknown = "SP307", Error, "a task that tests a property that is not there", "refer to a property of design.md";
    OpenBelow = "SP308", Error, "a task that is ticked while a subtask is open", "untick it, or finish the subtask";
    Unproved = "SP309", Error, "a task that is ticked without a record that its checks passed", "untick it: the tick comes from run.jsonl";
    CheckTwice = "SP310", Error, "a check that is there twice", "one name, one check";
    CheckForNothing = "SP311", Error, "a check that is for no criterion", "name one that there is: (1.1) at its end, or _Requirements: 1.1_ of its task";
    Untested = "SP312", Warning, "a property that no task tests", "- **Property 1: …** under the task that tests it";
    NoTasks = "SP313", Warning, "a list without a task", "- [ ] 1. Title";
    RecordUnknown = "SP401", Warning, "records of a task or check that is not there", "nothing to do, unless something was taken out by mistake";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
