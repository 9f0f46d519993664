//! Reads TOML that people write by hand: every value with its line, every unknown key an error with "did you mean".
//! Keeps going after a problem, so that one run shows all. Not a general deserializer: tables, texts, flags, counts.

use std::{cell::RefCell, ops::Range, str::FromStr};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::problem::{Problems, Sort, did_you_mean, line_of};

/// One table of a file.
#[derive(Debug)]
pub(crate) struct Section<'t> {
    file: &'t str,
    text: &'t str,
    problems: &'t Problems,
    /// How the table is called in messages: `[people.ana]`.
    label: String,
    start: usize,
    table: &'t DeTable<'t>,
    known: RefCell<Vec<&'static str>>,
}

/// Reads a whole file and hands its root to `read`; `None` where it is no TOML at all.
pub(crate) fn read_toml<T>(
    file: &str,
    text: &str,
    problems: &Problems,
    read: impl FnOnce(&Section<'_>) -> Option<T>,
) -> Option<T> {
    let parsed = match DeTable::parse(text) {
        Ok(parsed) => parsed,
        Err(err) => {
            let message = format!("not TOML: {}", err.message());
            match err.span() {
                Some(span) => problems.at((file, text), span, Sort::NotToml, message, None),
                None => problems.of(file, None, Sort::NotToml, message, None),
            }
            return None;
        }
    };
    let root = Section {
        file,
        text,
        problems,
        label: "the file".to_owned(),
        start: 0,
        table: parsed.get_ref(),
        known: RefCell::default(),
    };
    let value = read(&root);
    root.finish();
    value
}

impl<'t> Section<'t> {
    pub(crate) fn file(&self) -> &'t str {
        self.file
    }

    pub(crate) fn line(&self) -> u32 {
        line_of(self.text, self.start)
    }

    pub(crate) fn has(&self, key: &'static str) -> bool {
        self.known.borrow_mut().push(key);
        self.table.get(key).is_some()
    }

    /// A text that parses as `T`; `None` where it is absent or wrong (then a problem is noted).
    pub(crate) fn parsed<T: FromStr<Err: std::fmt::Display>>(&self, key: &'static str) -> Option<T> {
        let value = self.value(key)?;
        self.parse_text(key, value)
    }

    pub(crate) fn flag(&self, key: &'static str) -> Option<bool> {
        let value = self.value(key)?;
        let found = value.get_ref().as_bool();
        if found.is_none() {
            self.mistyped(key, value, "true or false");
        }
        found
    }

    pub(crate) fn count(&self, key: &'static str, range: Range<i64>) -> Option<i64> {
        let value = self.value(key)?;
        let found = value
            .get_ref()
            .as_integer()
            .and_then(|number| i64::from_str_radix(number.as_str(), number.radix()).ok())
            .filter(|number| range.contains(number));
        if found.is_none() {
            self.mistyped(key, value, &format!("a whole number from {} to {}", range.start, range.end - 1));
        }
        found
    }

    /// A list of texts that each parse as `T`; empty where absent. Wrong ones are noted and left out.
    pub(crate) fn list<T: FromStr<Err: std::fmt::Display>>(&self, key: &'static str) -> Vec<T> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            self.mistyped(key, value, "a list of texts in brackets");
            return Vec::new();
        };
        items.iter().filter_map(|item| self.parse_text(key, item)).collect()
    }

    /// One word of a fixed choice.
    pub(crate) fn choice<T: Copy>(&self, key: &'static str, choices: &[(&'static str, T)]) -> Option<T> {
        let value = self.value(key)?;
        let names = choices.iter().map(|(name, _)| *name);
        let Some(text) = value.get_ref().as_str() else {
            self.mistyped(key, value, &format!("one of {}", names.collect::<Vec<_>>().join(", ")));
            return None;
        };
        let found = choices.iter().find(|(name, _)| *name == text);
        if found.is_none() {
            self.note(value, format!("`{key}` cannot be `{text}`"), did_you_mean(text, names));
        }
        found.map(|(_, value)| *value)
    }

    pub(crate) fn section(&self, key: &'static str) -> Option<Section<'t>> {
        let value = self.value(key)?;
        self.as_section(value, format!("[{key}]"))
    }

    /// The tables of `[[key]]`; empty where absent or `key = []`.
    pub(crate) fn sections(&self, key: &'static str) -> Vec<Section<'t>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            self.mistyped(key, value, &format!("tables, each starting with [[{key}]]"));
            return Vec::new();
        };
        items.iter().filter_map(|item| self.as_section(item, format!("[[{key}]]"))).collect()
    }

    /// The tables under `[key.NAME]`, each with its name, where `NAME` parses.
    pub(crate) fn named<N: FromStr<Err: std::fmt::Display>>(
        &self,
        key: &'static str,
    ) -> Vec<(N, Section<'t>)> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Some(table) = value.get_ref().as_table() else {
            self.mistyped(key, value, &format!("tables, each starting with [{key}.NAME]"));
            return Vec::new();
        };
        let mut found = Vec::new();
        for (name, value) in table {
            match name.get_ref().parse::<N>() {
                Ok(parsed) => {
                    let section = self.as_section(value, format!("[{key}.{}]", name.get_ref()));
                    found.extend(section.map(|section| (parsed, section)));
                }
                Err(err) => self.note_at(name.span(), Sort::Value, err.to_string(), None),
            }
        }
        found
    }

    /// Notes that `key` should have been there.
    pub(crate) fn missing(&self, key: &str, hint: &str) {
        let message = format!("{} has no `{key}`", self.label);
        self.note_at(self.start..self.start, Sort::Missing, message, Some(hint.to_owned()));
    }

    /// Notes a problem with the value of `key`, or with the table where there is none.
    pub(crate) fn wrong(&self, key: &str, message: String, hint: Option<String>) {
        let at = self.table.get(key).map_or(self.start..self.start, Spanned::span);
        self.note_at(at, Sort::Value, message, hint);
    }

    /// Notes every key that nothing has asked for.
    pub(crate) fn finish(&self) {
        let known = self.known.borrow();
        for (key, _) in self.table {
            let name = key.get_ref().as_ref();
            if !known.contains(&name) {
                let hint = did_you_mean(name, known.iter().copied());
                let message = format!("{} has no setting `{name}`", self.label);
                self.note_at(key.span(), Sort::Unknown, message, hint);
            }
        }
    }

    fn value(&self, key: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.known.borrow_mut().push(key);
        self.table.get(key)
    }

    fn as_section(&self, value: &'t Spanned<DeValue<'t>>, label: String) -> Option<Section<'t>> {
        let Some(table) = value.get_ref().as_table() else {
            self.note(value, format!("{label} should be a table"), None);
            return None;
        };
        let start = value.span().start;
        Some(Section { label, start, table, known: RefCell::default(), ..*self })
    }

    fn parse_text<T: FromStr<Err: std::fmt::Display>>(
        &self,
        key: &'static str,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<T> {
        // TOML has dates and times of its own; they need no quotes.
        let moment = value.get_ref().as_datetime().map(ToString::to_string);
        let Some(text) = value.get_ref().as_str().or(moment.as_deref()) else {
            self.mistyped(key, value, "a text in quotes");
            return None;
        };
        match text.parse() {
            Ok(parsed) => Some(parsed),
            Err(err) => {
                self.note(value, format!("`{key}`: {err}"), None);
                None
            }
        }
    }

    fn mistyped(&self, key: &str, value: &Spanned<DeValue<'_>>, expected: &str) {
        let found = value.get_ref().type_str();
        self.note(value, format!("`{key}` should be {expected} (found: {found})"), None);
    }

    fn note(&self, value: &Spanned<DeValue<'_>>, message: String, hint: Option<String>) {
        self.note_at(value.span(), Sort::Value, message, hint);
    }

    fn note_at(&self, at: Range<usize>, sort: Sort, message: String, hint: Option<String>) {
        self.problems.at((self.file, self.text), at, sort, message, hint);
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, expected: &Expect) {
        let problems = Problems::default();
        read_toml("x.toml", text, &problems, |root| {
            root.flag("on");
            root.count("n", 1..11);
            root.list::<model::Kind>("kinds");
            root.choice("mode", &[("fast", 1), ("slow", 2)]);
            for (_, section) in root.named::<model::PersonId>("people") {
                section.parsed::<model::Role>("role");
                section.finish();
            }
            Some(())
        });
        expected
            .assert_eq(&problems.into_result().map_or_else(|err| err.to_string(), |()| "fine".to_owned()));
    }

    #[test]
    fn problems_have_lines_and_hints() {
        check(
            "on = true\nn = 10\nmode = \"fast\"\nkinds = [\"stack\"]\n[people.ana]\nrole = \"dba\"\n",
            &expect!["fine"],
        );
        check(
            "n = 11\nmode = \"fsat\"\nkinds = [\"Stack\", 1]\n",
            &expect![[r#"
            x.toml:1: `n` should be a whole number from 1 to 10 (found: integer)
            x.toml:2: `mode` cannot be `fsat`
              hint: did you mean `fast`?
            x.toml:3: `kinds` should be a text in quotes (found: integer)
            x.toml:3: `kinds`: `Stack` is no kind of resource: 1 to 64 of a–z, 0–9, `.`, `_`, `-`, starting with a letter or digit"#]],
        );
        check(
            "[people.Ana]\n[people.ben]\nrolle = \"dba\"\n",
            &expect![[r#"
            x.toml:1: `Ana` is no person's name: 1 to 64 of a–z, 0–9, `.`, `_`, `-`, starting with a letter or digit
            x.toml:3: [people.ben] has no setting `rolle`
              hint: did you mean `role`?"#]],
        );
        check("on = 1\nnoo = 2\n\n[people", &expect!["x.toml:4: not TOML: unclosed table, expected `]`"]);
        check(
            "on = 1\noon = 2\npeople = 3\n",
            &expect![[r#"
            x.toml:1: `on` should be true or false (found: integer)
            x.toml:2: the file has no setting `oon`
              hint: did you mean `on`?
            x.toml:3: `people` should be tables, each starting with [people.NAME] (found: integer)"#]],
        );
    }
}
