//! Invariants as part of a bundle: which load, and what is refused. That they hold is the prover's business.

use std::{fs, path::Path};

use expect_test::{Expect, expect};
use policy::{Bundle, Claim, Profile};

use crate::world::{bundle, files};

#[test]
fn the_starter_has_every_invariant_that_is_written() {
    let in_folder = |name: &str| -> Vec<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/starter").join(name).join("invariants");
        let names =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.map(|name| name.trim_end_matches(".cedar").to_owned()).collect()
    };
    for profile in Profile::ALL {
        let mut written = in_folder("constitution");
        written.extend(in_folder(&profile.to_string()));
        written.sort();
        // One that a profile has of its own takes the place of that of the same name.
        written.dedup();
        let invariants = bundle(profile).invariants();
        assert_eq!(invariants.iter().map(|it| it.id.to_string()).collect::<Vec<_>>(), written);
        assert!(invariants.iter().any(|it| it.claim() == Claim::Never));
        assert!(invariants.iter().any(|it| it.claim() == Claim::NeverInTheWay));
        assert!(invariants.iter().all(|it| it.says.ends_with('.')));
    }
}

#[test]
fn an_invariant_changes_the_digest_and_no_verdict() {
    let mut files = files(Profile::Standard);
    let digest = Bundle::load(&files).unwrap().digest();
    files.retain(|path, _| !path.starts_with("constitution/invariants/"));
    // A bundle from before there were any loads; it is proved of nothing.
    let without = Bundle::load(&files).unwrap();
    assert_ne!(without.digest(), digest);
    assert_eq!(without.rules(), bundle(Profile::Standard).rules());
}

/// The standard profile with this text as `constitution/invariants/mine.cedar`.
fn check(text: &str, expected: &Expect) {
    check_at("constitution/invariants/mine.cedar", text, expected);
}

fn check_at(path: &str, text: &str, expected: &Expect) {
    let mut files = files(Profile::Standard);
    files.insert(path.to_owned(), text.into());
    let told = Bundle::load(&files).map_or_else(|err| err.to_string(), |_| "loads".to_owned());
    expected.assert_eq(&told);
}

#[test]
fn invariants_that_say_nothing_certain_are_refused() {
    let rule = "forbid (principal, action == Action::\"destroy\", resource);";
    check(&format!("@id(\"mine\")\n@says(\"s\")\n{rule}"), &expect!["loads"]);
    check(
        &format!("@id(\"mine\")\n{rule}"),
        &expect![[r#"
        constitution/invariants/mine.cedar:1: the invariant mine has no @says
          hint: @says("…"): the sentence that it stands for, for people to agree to"#]],
    );
    check(
        &format!("@id(\"mine\")\n@says(\" \")\n{rule}"),
        &expect![[r#"
        constitution/invariants/mine.cedar:1: the invariant mine has no @says
          hint: @says("…"): the sentence that it stands for, for people to agree to"#]],
    );
    check(
        &format!("@id(\"yours\")\n@says(\"s\")\n{rule}"),
        &expect![[r#"
        constitution/invariants/mine.cedar:1: an invariant has the name of its file as its @id
          hint: @id("mine")"#]],
    );
    check(
        &format!("@says(\"s\")\n{rule}"),
        &expect![[r#"
        constitution/invariants/mine.cedar:1: an invariant has the name of its file as its @id
          hint: @id("mine")"#]],
    );
    check(
        &format!("@id(\"mine\")\n@says(\"s\")\n@reason(\"r\")\n{rule}"),
        &expect![[r#"
        constitution/invariants/mine.cedar:1: nothing reads the annotation @reason
          hint: expected one of: id, says"#]],
    );
    check(
        &format!("@id(\"mine\")\n@says(\"s\")\n@absolute\n{rule}"),
        &expect![[r#"
        constitution/invariants/mine.cedar:1: nothing reads the annotation @absolute
          hint: expected one of: id, says"#]],
    );
    check(
        &format!("@id(\"mine\")\n@says(\"s\")\n{rule}\n{rule}"),
        &expect![
            "constitution/invariants/mine.cedar: 2 rules in one file; an invariant is one `forbid` or `permit`"
        ],
    );
    check(
        "// nothing\n",
        &expect![
            "constitution/invariants/mine.cedar: 0 rules in one file; an invariant is one `forbid` or `permit`"
        ],
    );
    check(
        "@id(\"mine\")\n@says(\"s\")\nforbid (principal, action, resource) when { context.approvals.peple < 2 };",
        &expect![[r#"
            constitution/invariants/mine.cedar:3: attribute `approvals.peple` in context for Action::"destroy" not found
              hint: did you mean `people`?"#]],
    );
    check(
        "@id(\"mine\")\n@says(\"s\")\nforbid (principal, action, resource) when { context.change.steps + 1 > 2 };",
        &expect![[r#"
            constitution/invariants/mine.cedar:1: arithmetic (+, -, *) or too deep an expression in a rule
              hint: arithmetic can overflow, and a rule that errs forbids nothing: compare with a number instead"#]],
    );
    check(
        "@id(\"mine\")\n@says(\"s\")\nforbid (principal, action, resource) when { ip(\"10.0.0.1\").isLoopback() };",
        &expect![[r#"
            constitution/invariants/mine.cedar:1: an extension function (datetime, decimal, duration, ip) in a rule
              hint: it errs on a text that it does not know: the context has whole numbers, flags and texts"#]],
    );
    check(
        "@id(\"mine\")\n@says(\"s\")\nforbid (principal, action, resource in Kind::\"databse\");",
        &expect![[r#"
            constitution/invariants/mine.cedar:1: there is no Kind::"databse"
              hint: did you mean `database`?"#]],
    );
    check(
        "@id(\"mine\")\n@says(\"s\")\nforbid (principal == ?principal, action, resource);",
        &expect![[r#"
        constitution/invariants/mine.cedar: 0 rules in one file; an invariant is one `forbid` or `permit`
        constitution/invariants/mine.cedar: a template (`?principal`, `?resource`) is no rule
          hint: write the names out"#]],
    );
    check_at(
        "constitution/invariants/deeper/mine.cedar",
        rule,
        &expect![[r#"
        constitution/invariants/deeper/mine.cedar: no such file belongs in a bundle
          hint: expected one of: bundle.toml, roster.toml, environments.toml, accounts.toml, calendar.toml, overrides.toml, budgets.toml, standing.toml, tables.toml, witnesses.toml"#]],
    );
    check_at(
        "constitution/invariants/mine.examples.toml",
        "",
        &expect![[r#"
        constitution/invariants/mine.examples.toml: no such file belongs in a bundle
          hint: expected one of: bundle.toml, roster.toml, environments.toml, accounts.toml, calendar.toml, overrides.toml, budgets.toml, standing.toml, tables.toml, witnesses.toml"#]],
    );
    check_at(
        "constitution/invariants/mine.txt",
        rule,
        &expect![[r#"
        constitution/invariants/mine.txt: no such file belongs in a bundle
          hint: expected one of: bundle.toml, roster.toml, environments.toml, accounts.toml, calendar.toml, overrides.toml, budgets.toml, standing.toml, tables.toml, witnesses.toml"#]],
    );
}

/// `docs/proofs.md` has what the default constitution is proved to keep, for whoever does not read Cedar.
#[test]
fn the_page_of_proofs_says_what_is_claimed_in_each_profile() {
    let page = include_str!("../../../../docs/proofs.md");
    for profile in Profile::ALL {
        let (_, own) = page.split_once(&format!("\n## `{profile}`\n")).unwrap();
        let own = own.split("\n## ").next().unwrap();
        let said: Vec<&str> = own.lines().filter(|line| line.starts_with("| `invariant/")).collect();
        let claimed: Vec<_> = bundle(profile)
            .invariants()
            .iter()
            .map(|it| format!("| `invariant/{}` | {} | proved |", it.id, it.says))
            .collect();
        assert_eq!(said.len(), claimed.len(), "{profile}");
        for (said, claimed) in said.iter().zip(&claimed) {
            assert!(said.starts_with(claimed.as_str()), "{profile}: {claimed}");
        }
    }
}
