//! The page of the policy tells each rule with what its file shows by examples.

use crate::place::Place;

#[test]
fn a_rule_stands_with_its_examples_and_what_comes_of_each() {
    let place = Place::open();
    let cookie = place.sign_in();
    let page = place.get("/policy", &[("cookie", &cookie), ("accept", "text/html")]).text();
    let bundle = place.engine.bundle();
    let mut shown = 0;
    for rule in bundle.rules() {
        let (_, after) =
            page.split_once(&format!("<code>{}</code>", rule.id)).unwrap_or_else(|| panic!("no {}", rule.id));
        let own = after.split("</details>").next().unwrap();
        for example in bundle.examples_of(&rule.file) {
            // Names are escaped as all that others wrote is.
            let name = example.name.split(['"', '\'', '&', '<', '>']).next().unwrap();
            assert!(
                own.contains(name) && own.contains(&format!("<b>{}", example.verdict)),
                "{}: {}",
                rule.id,
                example.name
            );
            shown += 1;
        }
    }
    assert!(shown > 50, "{shown} examples");
    assert!(page.contains("<b>hold, 2 people</b>"), "how many people it takes");
    place.runtime.block_on(place.engine.close()).unwrap();
}
