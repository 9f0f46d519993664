//! `bundle.toml`: the profile, whose keys count, the limits, and what each effect waits for. Not addresses, paths or secrets: those can change no
//! verdict and stand in `countersign.toml`.

use std::{fmt, str::FromStr};

use model::Environment;

use crate::{
    levels::{Levels, read_levels},
    reader::Section,
};

pub(crate) const SCHEMA: &str = "countersign.bundle/v1";

/// How strict an installation is where the constitution leaves a choice. The order is the order of strictness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// For trying it out: signatures by key files count everywhere.
    Lab,
    /// Key files count outside production only.
    Standard,
    /// Every signature needs a touched key.
    Strict,
}

impl Profile {
    pub const ALL: [Self; 3] = [Self::Lab, Self::Standard, Self::Strict];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Lab => "lab",
            Self::Standard => "standard",
            Self::Strict => "strict",
        }
    }

    const fn file_signatures(self) -> FileSignatureRule {
        match self {
            Self::Lab => FileSignatureRule::Everywhere,
            Self::Standard => FileSignatureRule::OutsideProduction,
            Self::Strict => FileSignatureRule::Nowhere,
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Limits {
    /// Where the bundle does not say. Whoever tries it out approves one thing after another.
    fn of(profile: Option<Profile>) -> Self {
        let default = Self::default();
        match profile {
            Some(Profile::Lab) => Self { hurried_approvals: 1000, ..default },
            Some(Profile::Standard | Profile::Strict) | None => default,
        }
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|profile| profile.name() == text).ok_or_else(|| {
            format!("`{}` is no profile; use lab, standard or strict", model::sanitize(text, 40))
        })
    }
}

/// Whether a signature made with a key file (presence not proved) counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileSignatures {
    Count,
    DoNotCount,
}

/// Where they count; the order is the order of strictness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FileSignatureRule {
    Everywhere,
    OutsideProduction,
    Nowhere,
}

impl FileSignatureRule {
    const NAMES: [(&'static str, Self); 3] = [
        ("everywhere", Self::Everywhere),
        ("outside-production", Self::OutsideProduction),
        ("nowhere", Self::Nowhere),
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Everywhere => "everywhere",
            Self::OutsideProduction => "outside-production",
            Self::Nowhere => "nowhere",
        }
    }

    pub(crate) fn at(self, environment: &Environment) -> FileSignatures {
        let production = environment.production || environment.name.is_production();
        match (self, production) {
            (Self::Everywhere, _) | (Self::OutsideProduction, false) => FileSignatures::Count,
            (Self::OutsideProduction, true) | (Self::Nowhere, _) => FileSignatures::DoNotCount,
        }
    }
}

/// Bounds on what one installation takes on. Seconds and bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub session_ttl_max_s: i64,
    pub hold_expiry_s: i64,
    pub max_body_bytes: u64,
    pub open_holds_per_session: u32,
    pub history_window_s: i64,
    /// How long after a held change has run an identical call gets the recorded outcome.
    pub retry_window_s: i64,
    pub clock_skew_s: i64,
    /// How many changes in production one person approves within ten minutes before they are asked to pause.
    pub hurried_approvals: u32,
    /// How often the targets of what waits are looked for again.
    pub look_again_s: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            session_ttl_max_s: 12 * 3600,
            hold_expiry_s: 24 * 3600,
            max_body_bytes: 6 * 1024 * 1024,
            open_holds_per_session: 10,
            history_window_s: 3600,
            retry_window_s: 900,
            clock_skew_s: 300,
            hurried_approvals: 6,
            look_again_s: 300,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) profile: Profile,
    pub(crate) file_signatures: FileSignatureRule,
    pub(crate) limits: Limits,
    pub(crate) levels: Levels,
}

pub(crate) fn read_settings(root: &Section<'_>) -> Option<Settings> {
    match root.parsed::<String>("schema").as_deref() {
        Some(SCHEMA) => {}
        Some(other) => root.wrong(
            "schema",
            format!("`{other}` is no schema known here"),
            Some(format!("this version reads {SCHEMA}")),
        ),
        None if root.has("schema") => {}
        None => root.missing("schema", &format!("schema = \"{SCHEMA}\"")),
    }
    let profile = root.parsed::<Profile>("profile");
    if !root.has("profile") {
        root.missing("profile", "lab, standard or strict");
    }
    let keys = root.section("keys");
    let chosen = keys.as_ref().and_then(|keys| keys.choice("file_signatures", &FileSignatureRule::NAMES));
    let limits =
        root.section("limits").map_or_else(|| Limits::of(profile), |limits| read_limits(&limits, profile));
    let levels = root.section("levels").map_or_else(Levels::default, |levels| read_levels(&levels));
    let profile = profile?;
    let laxest = profile.file_signatures();
    let file_signatures = chosen.unwrap_or(laxest);
    if let Some(keys) = &keys {
        if file_signatures < laxest {
            keys.wrong(
                "file_signatures",
                format!("`{}` is laxer than the profile {profile} allows", file_signatures.name()),
                Some(format!("the laxest for {profile} is \"{}\"", laxest.name())),
            );
        }
        keys.finish();
    }
    Some(Settings { profile, file_signatures, limits, levels })
}

fn read_limits(section: &Section<'_>, profile: Option<Profile>) -> Limits {
    const DAY: i64 = 86_400;
    let default = Limits::of(profile);
    let limits = Limits {
        session_ttl_max_s: section
            .count("session_ttl_max_s", 60..30 * DAY + 1)
            .unwrap_or(default.session_ttl_max_s),
        hold_expiry_s: section.count("hold_expiry_s", 60..30 * DAY + 1).unwrap_or(default.hold_expiry_s),
        max_body_bytes: section
            .count("max_body_bytes", 1024..(64 << 20) + 1)
            .and_then(|bytes| u64::try_from(bytes).ok())
            .unwrap_or(default.max_body_bytes),
        open_holds_per_session: section
            .count("open_holds_per_session", 1..1001)
            .and_then(|holds| u32::try_from(holds).ok())
            .unwrap_or(default.open_holds_per_session),
        history_window_s: section
            .count("history_window_s", 60..30 * DAY + 1)
            .unwrap_or(default.history_window_s),
        retry_window_s: section.count("retry_window_s", 0..DAY + 1).unwrap_or(default.retry_window_s),
        clock_skew_s: section.count("clock_skew_s", 1..901).unwrap_or(default.clock_skew_s),
        hurried_approvals: section
            .count("hurried_approvals", 1..1001)
            .and_then(|approvals| u32::try_from(approvals).ok())
            .unwrap_or(default.hurried_approvals),
        look_again_s: section.count("look_again_s", 1..DAY + 1).unwrap_or(default.look_again_s),
    };
    section.finish();
    limits
}
