//! How the words of `model` look in JSON. `model` knows of no schema language, so they are described here; a member of the API
//! that has one of them and does not say which of these describes it does not compile.

use std::borrow::Cow;

use model::{ChangeState as State, EvidenceKind as Evidence};
use serde_json::Value;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

macro_rules! words {
    ($($name:ident: $made:expr;)*) => {$(
        #[derive(Debug)]
        pub(crate) enum $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                RefOr::T(Schema::Object($made.schema_type(Type::String).build()))
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )*};
}

words! {
    ChangeId: told("A change.", "^chg-[0-7][0-9abcdefghjkmnpqrstvwxyz]{25}$", "chg-01kbdqv8x2k3v5e0w9n7r4m1ta");
    SessionId: told("A session.", "^ses-[0-7][0-9abcdefghjkmnpqrstvwxyz]{25}$", "ses-01kbdqv8x2k3v5e0w9n7r4m1ta");
    Digest: told("SHA-256.", "^[0-9a-f]{64}$", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    PersonId: told("A person, as the roster names them.", "^[a-z0-9][a-z0-9._-]{0,63}$", "ben");
    Timestamp: told(
        "RFC 3339. Answers are in UTC, to the millisecond.",
        "^-?[0-9]{4,6}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$",
        "2026-11-21T02:40:00.123Z",
    );
    ChangeState: one_of("How a change stands.", State::ALL.map(State::name));
    EvidenceKind: one_of("What a fact is of.", Evidence::ALL.map(Evidence::name));
    EvidenceStatus: one_of("Whether it is there.", EVIDENCE_STATUSES);
    LinkKind: one_of("What a change has to do with another.", LINKS);
    Presence: one_of("How a signer's presence was shown: a key file is there for whoever can read it.", PRESENCES);
}

pub(super) const EVIDENCE_STATUSES: [&str; 2] = ["gathered", "missing"];
pub(super) const LINKS: [&str; 4] = ["recreates", "undoes", "reopens", "after_veto"];
pub(super) const PRESENCES: [&str; 2] = ["file", "touched"];

/// A rule that decided, where it stands, and its author's sentence.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes `model::RuleRef` and is never made")]
pub(crate) struct RuleRef {
    id: String,
    reason: String,
    file: String,
    line: u32,
}

fn told(what: &str, pattern: &str, example: &str) -> ObjectBuilder {
    ObjectBuilder::new().description(Some(what)).pattern(Some(pattern)).examples([Value::from(example)])
}

fn one_of<const N: usize>(what: &str, names: [&str; N]) -> ObjectBuilder {
    ObjectBuilder::new().description(Some(what)).enum_values(Some(names))
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use model::{
        EvidenceStatus::{self, Gathered, Missing},
        LinkKind::{self, AfterVeto, Recreates, Reopens, Undoes},
        Presence::{self, File, Touched},
    };

    use super::*;

    /// A variant that is new breaks the build here, and then has to be in the list.
    #[test]
    fn every_name_is_listed() {
        fn check<T: serde::Serialize, const N: usize>(all: [T; N], listed: [&str; N]) {
            let all = all.map(|it| serde_json::to_value(it).unwrap());
            assert_eq!(all.each_ref().map(|it| it.as_str().unwrap()), listed);
        }
        let _ = |link: LinkKind, presence: Presence, status: EvidenceStatus| match (link, presence, status) {
            (Recreates | Undoes | Reopens | AfterVeto, File | Touched, Gathered | Missing) => {}
        };
        check([Recreates, Undoes, Reopens, AfterVeto], LINKS);
        check([File, Touched], PRESENCES);
        check([Gathered, Missing], EVIDENCE_STATUSES);
        check(State::ALL, State::ALL.map(State::name));
        check(Evidence::ALL, Evidence::ALL.map(Evidence::name));
    }

    #[test]
    fn examples_are_what_they_are_examples_of() {
        fn check<W: PartialSchema, T: FromStr + ToString>()
        where
            T::Err: std::fmt::Debug,
        {
            let RefOr::T(Schema::Object(schema)) = W::schema() else { panic!("no object") };
            let example = schema.examples[0].as_str().unwrap();
            assert_eq!(example.parse::<T>().unwrap().to_string(), example);
        }
        check::<ChangeId, model::ChangeId>();
        check::<SessionId, model::SessionId>();
        check::<Digest, model::Digest>();
        check::<PersonId, model::PersonId>();
        check::<Timestamp, model::Timestamp>();
    }
}
