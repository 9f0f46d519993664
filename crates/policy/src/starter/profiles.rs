//! Which rules and invariants a first bundle has, by its profile. Most are the same in all; what differs is what happens
//! while nobody looks: in a lab no verdict depends on the hour, and `strict` leaves an agent alone only by day.

use crate::settings::Profile;

/// Path in the bundle, and content.
pub(super) type File = (&'static str, &'static str);

macro_rules! rules {
    ($folder:literal: $($rule:literal),* $(,)?) => {
        &[$(
            (concat!("constitution/", $rule, ".cedar"), include_str!(concat!($folder, "/", $rule, ".cedar"))),
            (
                concat!("constitution/", $rule, ".examples.toml"),
                include_str!(concat!($folder, "/", $rule, ".examples.toml")),
            ),
        )*]
    };
}

macro_rules! invariants {
    ($folder:literal: $($name:literal),* $(,)?) => {
        &[$((
            concat!("constitution/invariants/", $name, ".cedar"),
            include_str!(concat!($folder, "/invariants/", $name, ".cedar")),
        )),*]
    };
}

const RULES: &[File] = rules!["constitution":
    "no-backup-loss-after-data",
    "no-data-loss-after-backup",
    "no-database-loss-in-peak",
    "no-minting-credentials",
    "no-widening-own-rights",
    "nobody-silences-the-record",
    "nothing-in-a-freeze",
    "nothing-lost-once-a-guard-is-down",
    "one-person-for-many-small-losses",
    "one-person-for-privilege",
    "one-person-to-emit-or-spend",
    "suggest-only-looks",
    "supervised-takes-a-person",
    "two-people-for-privilege",
    "two-people-to-execute",
    "two-people-to-recreate",
];

const INVARIANTS: &[File] = invariants!["constitution":
    "a-freeze-lets-only-reads-through",
    "data-takes-a-person-anywhere",
    "data-takes-two",
    "irreversible-takes-two",
    "losses-do-not-add-up-unseen",
    "no-backup-after-its-data",
    "no-credentials-for-an-agent",
    "no-data-after-its-backup",
    "no-database-destroyed-in-peak",
    "no-loss-after-a-guard-is-down",
    "our-own-identities-stay",
    "reads-are-free",
    "recreating-takes-two",
    "rights-take-a-person-anywhere",
    "rights-take-two",
    "suggesting-changes-nothing",
    "supervision-means-a-person",
    "the-record-stays",
    "what-cannot-be-recalled-takes-a-person",
];

/// `strict` has a stricter one of the same name, and says so in what it is proved to keep.
const TWO_TO_DESTROY: &[File] = rules!["constitution": "two-people-to-destroy"];
const TWO_SUFFICE: &[File] = invariants!["constitution": "two-people-suffice"];

/// `strict` has in its place that whatever others made takes a person.
const OWN_DATA: &[File] = rules!["constitution": "one-person-to-destroy-data"];

const LAB: [&[File]; 5] = [
    TWO_TO_DESTROY,
    TWO_SUFFICE,
    OWN_DATA,
    &[],
    invariants!["lab": "outside-production-is-free", "what-a-budget-covers-is-free", "what-can-be-undone-is-free"],
];

const STANDARD: [&[File]; 5] = [
    TWO_TO_DESTROY,
    TWO_SUFFICE,
    OWN_DATA,
    rules!["standard": "one-person-after-a-loss-at-night"],
    invariants!["standard":
        "after-a-loss-somebody-is-awake",
        "outside-production-is-free",
        "what-a-budget-covers-is-free",
        "what-can-be-undone-is-free",
    ],
];

const STRICT: [&[File]; 5] = [
    &[],
    &[],
    &[],
    rules!["strict": "one-person-at-night", "one-person-to-destroy-what-others-made", "two-people-to-destroy"],
    invariants!["strict":
        "a-page-alone-destroys-nothing",
        "at-night-somebody-is-awake",
        "outside-production-is-free",
        "two-people-suffice",
        "what-a-budget-covers-is-free",
        "what-can-be-undone-is-free",
        "what-others-made-takes-a-person",
    ],
];

/// The constitution and what it is proved to keep.
pub(super) fn constitution(profile: Profile) -> impl Iterator<Item = File> {
    let own = match profile {
        Profile::Lab => LAB,
        Profile::Standard => STANDARD,
        Profile::Strict => STRICT,
    };
    [RULES, INVARIANTS].into_iter().chain(own).flatten().copied()
}
