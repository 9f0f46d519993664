//! What an installation is, for good: the document whose fingerprint people compare, statements carry and the
//! offline verifier starts from.

use serde::{Deserialize, Serialize};

use crate::{Digest, Site, Timestamp, Value};

/// `log/genesis.json`. Written once, at the first `serve`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// The log's name; the first line of every checkpoint.
    pub origin: String,
    /// The log's public key, as `name+id+key`.
    pub vkey: String,
    /// 16 random bytes in hexadecimal: no two installations have one fingerprint.
    pub installation: String,
    pub created_at: Timestamp,
    /// Where passkeys work, for good: they are bound to it, and so it is fixed with all that people compare. Absent in
    /// installations that are older than it: there it is the host by which a browser opened the console.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Site>,
}

impl Genesis {
    /// The bytes of `log/genesis.json`.
    pub fn to_json(&self) -> Vec<u8> {
        // Strings cannot fail to become JSON.
        let mut json = serde_json::to_vec_pretty(self).unwrap_or_default();
        json.push(b'\n');
        json
    }

    pub fn from_json(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }

    /// The digest over the document's members as text, under the domain `countersign/genesis/v1`; what is absent is left out.
    pub fn fingerprint(&self) -> Digest {
        let site = self.site.as_ref().map(|it| ("site", Value::text(it.as_str())));
        let members = [
            ("origin", Value::text(&self.origin)),
            ("vkey", Value::text(&self.vkey)),
            ("installation", Value::text(&self.installation)),
            ("created_at", Value::text(self.created_at.to_string())),
        ];
        Value::map(members.into_iter().chain(site)).digest("countersign/genesis/v1")
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn genesis() -> Genesis {
        Genesis {
            origin: "log.example/1".into(),
            vkey: "log.example/1+00000000+AA==".into(),
            installation: "00112233445566778899aabbccddeeff".into(),
            created_at: Timestamp::from_seconds(1_795_228_800),
            site: None,
        }
    }

    #[test]
    fn the_document_reads_back_and_has_no_other_members() {
        let sited = Genesis { site: Some("countersign.example".parse().unwrap()), ..genesis() };
        assert_eq!(Genesis::from_json(&sited.to_json()).unwrap(), sited);
        let elsewhere =
            String::from_utf8(sited.to_json()).unwrap().replace("countersign.example", "10.0.0.1");
        assert!(Genesis::from_json(elsewhere.as_bytes()).is_err());
        let json = genesis().to_json();
        assert!(!String::from_utf8_lossy(&json).contains("site"));
        assert_eq!(Genesis::from_json(&json).unwrap(), genesis());
        let more = String::from_utf8(json).unwrap().replace("\"origin\"", "\"also\": 1, \"origin\"");
        assert!(Genesis::from_json(more.as_bytes()).is_err());
    }

    #[test]
    fn fingerprint_is_golden_and_covers_every_member() {
        let fingerprint = genesis().fingerprint();
        expect!["db434b9a019572d55a8b6f9c2117388861af67b1e86f121fa808bfe2b47e4ba0"]
            .assert_eq(&fingerprint.to_string());
        for other in [
            Genesis { origin: "log.example/2".into(), ..genesis() },
            Genesis { vkey: "log.example/1+00000001+AA==".into(), ..genesis() },
            Genesis { installation: "00112233445566778899aabbccddeefe".into(), ..genesis() },
            Genesis { created_at: Timestamp::from_seconds(1_795_228_801), ..genesis() },
            Genesis { site: Some("localhost".parse().unwrap()), ..genesis() },
        ] {
            assert_ne!(other.fingerprint(), fingerprint, "{other:?}");
        }
    }
}
