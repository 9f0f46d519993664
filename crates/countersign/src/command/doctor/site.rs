//! What `countersign doctor` finds about the site that passkeys are bound to: whether browsers could open the console by it, and
//! whether the roster's passkeys are good for it. Nothing is connected to.

use std::fs;

use approval::passkey::elsewhere;
use model::{Genesis, Roster, Site};

use super::{Finding, Grade, finding};
use crate::{config::Config, tls};

pub(super) fn site(config: &Config, roster: Option<&Roster>, found: &mut Vec<Finding>) {
    let genesis = fs::read(config.log().join("genesis.json")).ok();
    let Some(genesis) = genesis.and_then(|json| Genesis::from_json(&json).ok()) else {
        found.push(finding(
            Grade::Bad,
            "there is no genesis.json that can be read",
            "countersign explain CS005",
        ));
        return;
    };
    let Some(site) = genesis.site else {
        found.push(finding(
            Grade::Warning,
            "no site is fixed: a passkey belongs to the host by which its browser opened the console",
            "always open it by one name; `countersign rotate --site NAME` fixes one",
        ));
        return;
    };
    found.push(opened(config, &site));
    for it in roster.map(|roster| elsewhere(roster, &site)).unwrap_or_default() {
        found.push(finding(Grade::Bad, it.to_string(), "take it out of roster.toml; docs/keys.md"));
    }
}

fn opened(config: &Config, site: &Site) -> Finding {
    let here = config.listen.people.ip().is_loopback();
    match (site.is_localhost(), here) {
        (true, true) => {
            return finding(Grade::Good, "passkeys work at localhost, on this machine alone", "");
        }
        (true, false) => {
            return finding(
                Grade::Warning,
                "passkeys work at localhost alone, and the people listener is for other machines",
                "`countersign rotate --site NAME` begins a log with another site; docs/keys.md",
            );
        }
        (false, true) => {
            return finding(
                Grade::Warning,
                format!("passkeys work at https://{site}, and the people listener is on this machine alone"),
                "something in front of it has to speak TLS under that name (not tried), or [listen] people takes another address",
            );
        }
        (false, false) => {}
    }
    let covered = match config.certificate() {
        None => Ok(config.names().iter().any(|name| name == site.as_str())),
        Some((file, _)) => fs::read_to_string(&file)
            .map_err(|err| err.to_string())
            .and_then(|chain| tls::covers(&chain, site.as_str()))
            .map_err(|why| format!("{}: {why}", file.display())),
    };
    match covered {
        Ok(true) => {
            finding(Grade::Good, format!("the certificate is one for {site}, where passkeys work"), "")
        }
        Ok(false) => finding(
            Grade::Bad,
            format!("the certificate is none for {site}, and passkeys work there alone"),
            "put the name into [listen] names, or get a certificate for it ([tls])",
        ),
        Err(why) => finding(Grade::Bad, why, "`serve` does not start with it"),
    }
}
