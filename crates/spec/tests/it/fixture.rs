//! Documents of the corpus, and what is read of them as text.

use std::fmt::Write as _;

use spec::{Bugfix, Design, Inclusion, Intent, Malformed, References, Requirements, Steering, Tasks};

/// Every document, by its name: what stands before the hyphen is its kind.
pub(crate) const CORPUS: [(&str, &str); 14] = [
    ("requirements-queue", include_str!("../corpus/requirements-queue.md")),
    ("requirements-numbered", include_str!("../corpus/requirements-numbered.md")),
    ("requirements-emphasis", include_str!("../corpus/requirements-emphasis.md")),
    ("requirements-bare", include_str!("../corpus/requirements-bare.md")),
    ("bugfix-search", include_str!("../corpus/bugfix-search.md")),
    ("bugfix-lists", include_str!("../corpus/bugfix-lists.md")),
    ("design-outbox", include_str!("../corpus/design-outbox.md")),
    ("design-flat", include_str!("../corpus/design-flat.md")),
    ("tasks-queue", include_str!("../corpus/tasks-queue.md")),
    ("tasks-phases", include_str!("../corpus/tasks-phases.md")),
    ("tasks-flat", include_str!("../corpus/tasks-flat.md")),
    ("steering-always", include_str!("../corpus/steering-always.md")),
    ("steering-match", include_str!("../corpus/steering-match.md")),
    ("steering-auto", include_str!("../corpus/steering-auto.md")),
];

pub(crate) fn text(name: &str) -> &'static str {
    CORPUS.iter().find(|it| it.0 == name).unwrap().1
}

/// What was read: the document's own bytes, and its structure, a line each.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) text: String,
    pub(crate) outline: String,
    /// Spans and what should stand there: all of them lie in the text.
    pub(crate) spans: Vec<spec::Span>,
}

pub(crate) fn view(name: &str, bytes: &[u8]) -> Result<View, Malformed> {
    match name.split('-').next().unwrap() {
        "requirements" => Requirements::parse("requirements.md", bytes).map(|it| requirements(&it)),
        "bugfix" => Bugfix::parse("bugfix.md", bytes).map(|it| bugfix(&it)),
        "design" => Design::parse("design.md", bytes).map(|it| design(&it)),
        "tasks" => Tasks::parse("tasks.md", bytes).map(|it| tasks(&it)),
        "steering" => Steering::parse("product.md", bytes).map(|it| steering(&it)),
        "intent" => Intent::parse(bytes).map(|it| View {
            text: it.file(),
            outline: it.words().to_owned(),
            spans: Vec::new(),
        }),
        other => panic!("no kind {other}"),
    }
}

fn requirements(it: &Requirements) -> View {
    let (mut out, mut spans) = (String::new(), Vec::new());
    for term in it.glossary() {
        writeln!(out, "term {}", term.name).unwrap();
        spans.push(term.span);
    }
    for requirement in it.requirements() {
        let story =
            requirement.story.map_or("no story".to_owned(), |it| format!("story on line {}", it.line));
        writeln!(out, "{} `{}` {story}", requirement.number, requirement.title).unwrap();
        spans.extend(requirement.story);
        for criterion in &requirement.criteria {
            spans.push(criterion.span);
            writeln!(out, "  {}", sentence(criterion)).unwrap();
        }
    }
    View { text: it.source().text().to_owned(), outline: out, spans }
}

fn sentence(criterion: &spec::Criterion) -> String {
    let spec::Span { line, column, .. } = criterion.span;
    let read = match &criterion.ears {
        Ok(ears) => format!("{:?}: {ears}", ears.pattern()),
        Err(err) => format!("no sentence: {err}"),
    };
    format!("{} at {line}:{column} {read}", criterion.id)
}

fn bugfix(it: &Bugfix) -> View {
    let (mut out, mut spans) = (String::new(), Vec::new());
    for defect in it.defects() {
        spans.push(defect.span);
        let spec::Span { line, column, .. } = defect.span;
        writeln!(out, "{} at {line}:{column} {:?}", defect.id, defect.parts).unwrap();
    }
    for criterion in it.criteria() {
        spans.push(criterion.span);
        writeln!(out, "{}", sentence(criterion)).unwrap();
    }
    View { text: it.source().text().to_owned(), outline: out, spans }
}

fn references(it: &References) -> String {
    let list: Vec<_> = it.list.iter().map(|it| it.0.to_string()).collect();
    let unreadable =
        if it.unreadable.is_empty() { String::new() } else { format!(" and {}", it.unreadable.len()) };
    format!("[{}]{unreadable}", list.join(" "))
}

fn design(it: &Design) -> View {
    let (mut out, mut spans) = (String::new(), Vec::new());
    for property in it.properties() {
        spans.push(property.span);
        spans.extend(
            property.validates.list.iter().map(|it| it.1).chain(property.validates.unreadable.clone()),
        );
        let validates = references(&property.validates);
        writeln!(out, "{} `{}` {validates} {}", property.id, property.name, property.text).unwrap();
    }
    View { text: it.source().text().to_owned(), outline: out, spans }
}

fn tasks(it: &Tasks) -> View {
    let (mut out, mut spans) = (String::new(), Vec::new());
    for task in it.tasks() {
        spans.push(task.span);
        spans.extend(task.requirements.list.iter().map(|it| it.1));
        let list = |all: Vec<String>, what: &str| {
            if all.is_empty() { String::new() } else { format!(" {what} {}", all.join(" ")) }
        };
        let depends = list(task.depends.iter().map(|it| it.0.to_string()).collect(), "after");
        let tests = list(task.properties.iter().map(|it| it.0.to_string()).collect(), "tests");
        let optional = if task.optional { " optional" } else { "" };
        let spec::Span { line, column, .. } = task.span;
        let requirements = references(&task.requirements);
        let state = task.state;
        writeln!(
            out,
            "{} {state:?}{optional} at {line}:{column} `{}` {requirements}{depends}{tests}",
            task.id, task.title
        )
        .unwrap();
    }
    View { text: it.source().text().to_owned(), outline: out, spans }
}

fn steering(it: &Steering) -> View {
    let outline = match it.inclusion() {
        Inclusion::FileMatch(patterns) => format!("file match {patterns:?}\n"),
        other => format!("{other:?}\n"),
    };
    let outline = format!("{outline}{:?}\n", it.prose().trim().lines().next().unwrap_or_default().trim());
    View { text: it.source().text().to_owned(), outline, spans: Vec::new() }
}
