//! `bundle.toml` and `witnesses.toml`: limits, keys that count, what an effect waits for, whose cosignatures count.

use model::Environment;

use super::{Found, Way};
use crate::{
    Limits,
    settings::Settings,
    witnesses::{WitnessVkey, Witnesses},
};

const FILE: &str = "bundle.toml";

pub(super) fn compare(old: &Settings, new: &Settings, found: &mut Found) {
    let Settings { profile, file_signatures, limits, levels } = old;
    if *profile != new.profile {
        let way = if new.profile < *profile { Way::Laxer } else { Way::Stricter };
        found.add(way, FILE, format!("the profile goes from {profile} to {}", new.profile));
    }
    if *file_signatures != new.file_signatures {
        let way = if new.file_signatures < *file_signatures { Way::Laxer } else { Way::Stricter };
        let what = format!(
            "signatures by key files count {} in place of {}",
            new.file_signatures.name(),
            file_signatures.name()
        );
        found.add(way, FILE, what);
    }
    bounds(limits, &new.limits, found);
    for (place, production) in [("in production", true), ("elsewhere", false)] {
        let Ok(name) = if production { "production" } else { "elsewhere" }.parse() else { continue };
        let environment = Environment { name, production };
        for effect in model::Effect::ALL {
            let one = model::EffectSet::of(effect);
            let (before, after) = (levels.of(one, &environment), new.levels.of(one, &environment));
            if before != after {
                let way = if after < before { Way::Laxer } else { Way::Stricter };
                found.add(way, FILE, format!("{effect} {place} waits until {after} in place of {before}"));
            }
        }
    }
    if levels.wait_s != new.levels.wait_s {
        let what =
            format!("witnesses are waited for {} s in place of {} s", new.levels.wait_s, levels.wait_s);
        found.add(Way::Stricter, FILE, what);
    }
}

fn bounds(old: &Limits, new: &Limits, found: &mut Found) {
    let Limits {
        session_ttl_max_s,
        hold_expiry_s,
        max_body_bytes,
        open_holds_per_session,
        history_window_s,
        retry_window_s,
        clock_skew_s,
        hurried_approvals,
        look_again_s,
    } = *old;
    found.more(FILE, "the longest life of a session, in seconds,", session_ttl_max_s, new.session_ttl_max_s);
    found.more(FILE, "how long a held change waits, in seconds,", hold_expiry_s, new.hold_expiry_s);
    found.more(FILE, "the largest body, in bytes,", max_body_bytes, new.max_body_bytes);
    found.more(
        FILE,
        "how many changes a session may have open",
        open_holds_per_session,
        new.open_holds_per_session,
    );
    found.more(FILE, "how long an outcome is given again, in seconds,", retry_window_s, new.retry_window_s);
    found.more(FILE, "how far the clock may be off, in seconds,", clock_skew_s, new.clock_skew_s);
    found.more(
        FILE,
        "how many production changes one person approves in ten minutes",
        hurried_approvals,
        new.hurried_approvals,
    );
    found.more(FILE, "how seldom targets are looked for again, in seconds,", look_again_s, new.look_again_s);
    if history_window_s != new.history_window_s {
        let way = if new.history_window_s < history_window_s { Way::Laxer } else { Way::Stricter };
        let what = format!(
            "how far back rules look, in seconds, goes from {history_window_s} to {}",
            new.history_window_s
        );
        found.add(way, FILE, what);
    }
}

pub(super) fn witnesses(old: &Witnesses, new: &Witnesses, found: &mut Found) {
    let file = "witnesses.toml";
    if old.quorum != new.quorum {
        let way = if new.quorum < old.quorum { Way::Laxer } else { Way::Stricter };
        found.add(way, file, format!("the quorum goes from {} to {}", old.quorum, new.quorum));
    }
    for (name, key) in &new.keys {
        if old.keys.get(name).map(WitnessVkey::as_str) != Some(key.as_str()) {
            found.add(Way::Laxer, file, format!("cosignatures of {name} count by the key {key}"));
        }
    }
    for name in old.keys.keys().filter(|name| !new.keys.contains_key(*name)) {
        // Fewer who could tell of a fork.
        found.add(Way::Laxer, file, format!("{name} is no witness any more"));
    }
}
