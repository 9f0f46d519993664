//! A specification of ten requirements, from each criterion to what is checked of it (and back, where something leads nowhere).

use std::fmt::Write as _;

use expect_test::expect;
use spec::{Files, Matrix, Specification, Status};

/// Ten requirements of two criteria; the second of each tenth says what shall continue. Each has a task with two steps, of which each
/// verifies one of them, and a property.
fn ten() -> Files {
    let (mut goal, mut design, mut tasks) = (
        String::from("# Requirements Document\n\n## Requirements\n"),
        String::new(),
        String::from("# Implementation Plan\n\n"),
    );
    for n in 1..=10 {
        let second = if n % 5 == 0 { "SHALL CONTINUE TO serve part" } else { "SHALL keep part" };
        write!(goal, "\n### Requirement {n}: Part {n}\n\n**User Story:** As an operator, I want part {n}.\n\n#### Acceptance Criteria\n\n1. WHEN part {n} is asked for THE Service SHALL answer within {n} s\n2. WHILE part {n} is moved THE Service {second} {n}\n").unwrap();
        write!(design, "### Property {n}: Part {n}\n\n*For any* request, part {n} answers.\n\n**Validates: Requirements {n}.1**\n\n").unwrap();
        let own = if n % 5 == 0 {
            String::new()
        } else {
            format!("    - _Check kept-{n}: part {n} is there ({n}.2)_\n")
        };
        write!(tasks, "- [ ] {n}. Move part {n}\n  - _Requirements: {n}.1, {n}.2_\n  - [ ] {n}.1 Copy it\n    - _Check answers-{n}: part {n} answers within {n} s ({n}.1)_\n  - [ ] {n}.2 Switch\n{own}    - _Check switched-{n}: requests go to the new part {n}_\n    - _Requirements: {n}.2_\n  - [ ]* {n}.3 Test it\n    - **Property {n}: Part {n}**\n").unwrap();
    }
    [("requirements.md", goal), ("design.md", design), ("tasks.md", tasks)]
        .map(|(a, b)| (a.to_owned(), b.into_bytes()))
        .into()
}

fn table(matrix: &Matrix) -> String {
    fn list<T: ToString>(all: &[T]) -> String {
        all.iter().map(T::to_string).collect::<Vec<_>>().join(" ")
    }
    let row = |it: &spec::Row| {
        format!(
            "{} | {} | {} | {} | {}\n",
            it.criterion,
            list(&it.properties),
            list(&it.tasks),
            list(&it.steps),
            list(&it.checks)
        )
    };
    let untraced: String = matrix.untraced.iter().map(|it| format!("- {it}\n")).collect();
    matrix.rows.iter().map(row).collect::<String>() + &untraced
}

#[test]
fn ten_requirements_lead_to_steps_and_checks() {
    let spec = Specification::read(&ten()).unwrap();
    let matrix = Matrix::of(&spec);
    assert!(matrix.untraced.is_empty(), "{:?}", matrix.untraced);
    assert_eq!(matrix.rows.len(), 20);
    assert!(matrix.rows.iter().all(|it| !it.steps.is_empty() && !it.checks.is_empty()));
    expect![[r#"
        4.1 | 4 | 4 | 4.1 4.2 4.3 | answers-4
        4.2 |  | 4 4.2 | 4.1 4.2 4.3 | kept-4 switched-4
        5.1 | 5 | 5 | 5.1 5.2 5.3 | answers-5
        5.2 |  | 5 5.2 | 5.1 5.2 5.3 | switched-5 unchanged-5-2
    "#]]
    .assert_eq(&table(&Matrix { rows: matrix.rows[6..10].to_vec(), untraced: Vec::new() }));
    // What shall continue is checked around every step.
    let checks = spec.checks();
    let guards: Vec<_> = checks.guards().iter().map(|it| format!("{}: {}", it.id(), it.verifies())).collect();
    expect![[r#"
        unchanged-5-2: WHILE part 5 is moved THE Service SHALL CONTINUE TO serve part 5
        unchanged-10-2: WHILE part 10 is moved THE Service SHALL CONTINUE TO serve part 10"#]]
    .assert_eq(&guards.join("\n"));
    let around: Vec<_> = checks.around(&"3.1".parse().unwrap()).map(|it| it.id().to_string()).collect();
    assert_eq!(around, ["unchanged-5-2", "unchanged-10-2", "answers-3"]);
    let errors: Vec<_> =
        spec::lint::lint(&spec).into_iter().filter(|it| it.level == spec::lint::Level::Error).collect();
    assert!(errors.is_empty(), "{errors:?}");
}

#[test]
fn what_leads_nowhere_is_said() {
    let change = |file: &str, from: &str, to: &str| {
        let mut files = ten();
        let text = String::from_utf8(files[file].clone()).unwrap();
        assert!(text.contains(from), "{text}");
        files.insert(file.to_owned(), text.replace(from, to).into_bytes());
        let untraced = Matrix::of(&Specification::read(&files).unwrap()).untraced;
        untraced.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    };
    expect!["criterion 3.1 has no task"].assert_eq(&change(
        "tasks.md",
        "_Requirements: 3.1, 3.2_",
        "_Requirements: 3.2_",
    ));
    expect!["criterion 3.1 has no check; task 3.1 has no check, so that nothing can tick it"]
        .assert_eq(&change("tasks.md", "    - _Check answers-3: part 3 answers within 3 s (3.1)_\n", ""));
    expect!["property 4 validates nothing"].assert_eq(&change(
        "design.md",
        "**Validates: Requirements 4.1**",
        "**Validates: Requirements 4.7**",
    ));
    expect!["property 7 has no task that tests it"].assert_eq(&change(
        "tasks.md",
        "**Property 7: Part 7**",
        "prose",
    ));
    expect!["criterion 1.1 has no task; task 1.1 is for no criterion; task 1.3 is for no criterion"]
        .assert_eq(&change("tasks.md", "1. Move part 1\n  - _Requirements: 1.1, 1.2_\n", "1. Move part 1\n"));
    expect!["criterion 9.1 has no check; check `answers-9` is for no criterion"]
        .assert_eq(&change("tasks.md", "(9.1)", "(9.9)"));
}

#[test]
fn a_status_says_what_is_proved_and_what_comes_next() {
    let spec = Specification::read(&ten()).unwrap();
    let status = Status::of(&spec);
    assert_eq!((status.criteria, status.properties, status.guards, status.checks), (20, 10, 2, 30));
    assert_eq!((status.tasks.len(), status.next), (40, Some("1.1".parse().unwrap())));
    let mut first = serde_json::to_value(&status.tasks[1]).unwrap();
    first.sort_all_objects();
    expect![[r#"{"id":"1.1","optional":false,"proof":{"lacks":"`unchanged-5-2` was not run before and after it; `unchanged-10-2` was not run before and after it; `answers-1` was not run after it"},"state":"todo","step":true,"title":"Copy it"}"#]].assert_eq(&first.to_string());
}

#[test]
fn what_serves_what_is_bounded_before_it_is_laid_out() {
    // Within every other bound: each of 3000 tasks serves each of 3000 criteria.
    let many = |criteria: usize, tasks: usize, under: bool, checked: bool| -> Files {
        let mut goal = String::from(
            "# Requirements Document\n\n## Requirements\n\n### Requirement 1: All\n\n#### Acceptance Criteria\n\n",
        );
        for n in 1..=criteria {
            writeln!(goal, "{n}. THE Service SHALL answer").unwrap();
        }
        let (mut plan, own) = (String::from("# Implementation Plan\n\n"), "  - _Requirements: 1_\n");
        let check = |n| if checked { format!("  - _Check c-{n}: it answers_\n") } else { String::new() };
        for n in 1..=tasks {
            match (under, n) {
                (true, 1) => write!(plan, "- [ ] 1. Do\n{own}").unwrap(),
                (true, n) => write!(plan, "  - [ ] 1.{n} Do\n{}", check(n)).unwrap(),
                (false, n) => write!(plan, "- [ ] {n}. Do\n{own}{}", check(n)).unwrap(),
            }
        }
        [("requirements.md", goal), ("tasks.md", plan)].map(|(a, b)| (a.to_owned(), b.into_bytes())).into()
    };
    let refused = |files: Files| Specification::read(&files).unwrap_err().to_string();
    let expected = "more than 250000 links between criteria and what serves them";
    for (under, checked) in [(false, false), (true, false), (true, true)] {
        let told = refused(many(3000, 3000, under, checked));
        assert!(told.starts_with("tasks.md:") && told.contains(expected), "{told}");
    }
    // What is large and loosely tied is read.
    let spec = Specification::read(&many(100, 1000, false, true)).unwrap();
    assert_eq!(Matrix::of(&spec).rows.len(), 100);
    // However often it is named.
    let mut files = many(3000, 2, false, false);
    let text = String::from_utf8(files["tasks.md"].clone()).unwrap();
    let often = text.replace("_Requirements: 1_", &format!("_Requirements: {}1_", "1, ".repeat(499)));
    files.insert("tasks.md".to_owned(), often.into_bytes());
    assert_eq!(Matrix::of(&Specification::read(&files).unwrap()).rows.len(), 3000);
}
