//! The committed description of the API is the one that is served, and it describes every route and no other.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::house::House;

/// `cargo xtask gen openapi` writes it.
#[test]
fn the_description_is_committed() {
    expect_test::expect_file!["../../../../docs/openapi.json"].assert_eq(api::openapi::document());
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let described: Value = serde_json::from_str(api::openapi::document()).unwrap();
    let described: BTreeSet<_> = described["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(|method| (method.to_uppercase(), path.clone())).collect::<Vec<_>>()
        })
        .collect();
    let routes: BTreeSet<_> = api::people::ROUTES
        .iter()
        .map(|route| (route.method.name().to_owned(), route.path.to_owned()))
        .collect();
    assert_eq!(described, routes);
    for route in api::people::ROUTES {
        assert!(route.says.len() > 10 && route.path.starts_with("/v1/"), "{}", route.path);
    }
}

/// Every reference leads somewhere, and nothing is described that is not referred to.
#[test]
fn references_lead_somewhere() {
    let described: Value = serde_json::from_str(api::openapi::document()).unwrap();
    let mut referred = BTreeSet::new();
    refer(&described, &mut referred);
    let schemas = described["components"]["schemas"].as_object().unwrap();
    let schemas: BTreeSet<_> = schemas.keys().map(|name| format!("#/components/schemas/{name}")).collect();
    assert_eq!(referred, schemas);
}

fn refer(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            into.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| refer(member, into));
        }
        Value::Array(items) => items.iter().for_each(|item| refer(item, into)),
        _ => {}
    }
}

#[test]
fn what_is_served_is_what_is_committed() {
    let house = House::open();
    let answer = testkit::send(&house.people, "GET", "/v1/openapi.json", &[], b"").unwrap();
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    assert_eq!(answer.text(), api::openapi::document());
}
