//! Steering files: prose that is put before an agent, and front matter that says when. The prose is none of our business.

use saphyr_parser::{Event, Parser, ScalarStyle};

use crate::{
    bounds::Bounds,
    malformed::{Cause, Malformed},
    source::Source,
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steering {
    source: Source,
    inclusion: Inclusion,
    /// Where the prose begins.
    body: usize,
}

/// When the prose is put before an agent. Without front matter, always.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inclusion {
    Always,
    /// With files that match one of these.
    FileMatch(Vec<String>),
    /// When it is asked for.
    Manual,
    /// When what is asked fits its description.
    Auto {
        name: String,
        description: String,
    },
}

impl Steering {
    /// # Errors
    /// [`Malformed`], with line and reason.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, Malformed> {
        let source = Source::new(file, bytes, Bounds::DOCUMENT)?;
        let bare = |nth: usize| source.slice(source.line(nth)).trim_end();
        if bare(0) != "---" {
            return Ok(Self { body: source.line(0).start, inclusion: Inclusion::Always, source });
        }
        let Some(close) = (1..source.line_count()).find(|nth| bare(*nth) == "---") else {
            return Err(source.malformed(source.line(0), Cause::FrontMatterOpen));
        };
        let head = source.whole_line(0).end..source.whole_line(close).start;
        let settings = settings(&source, head)?;
        let inclusion = settings.inclusion(&source)?;
        Ok(Self { body: source.whole_line(close).end, inclusion, source })
    }

    pub fn source(&self) -> &Source {
        &self.source
    }

    pub fn inclusion(&self) -> &Inclusion {
        &self.inclusion
    }

    /// What stands below the front matter.
    pub fn prose(&self) -> &str {
        self.source.slice(self.body..self.source.text().len())
    }
}

/// Of the front matter, what we know. Other keys are left alone: newer versions have more.
#[derive(Default)]
struct Settings {
    inclusion: Option<(String, usize)>,
    pattern: Vec<String>,
    name: Option<String>,
    description: Option<String>,
}

impl Settings {
    fn inclusion(self, source: &Source) -> Result<Inclusion, Malformed> {
        let (said, line) = self.inclusion.unwrap_or_else(|| ("always".to_owned(), 0));
        let refuse = |key: &str, wanted| {
            let cause = Cause::Setting { key: key.to_owned(), wanted };
            Err(source.malformed(source.line(line), cause))
        };
        match said.as_str() {
            "always" => Ok(Inclusion::Always),
            "manual" => Ok(Inclusion::Manual),
            "fileMatch" if self.pattern.is_empty() => {
                refuse("fileMatchPattern", "is missing: fileMatch needs it")
            }
            "fileMatch" => Ok(Inclusion::FileMatch(self.pattern)),
            "auto" => match (self.name, self.description) {
                (Some(name), Some(description)) => Ok(Inclusion::Auto { name, description }),
                (None, _) => refuse("name", "is missing: auto needs it"),
                (Some(_), None) => refuse("description", "is missing: auto needs it"),
            },
            _ => refuse("inclusion", "has a value that is not known"),
        }
    }
}

/// Events of a flat mapping; deeper ones belong to keys that are not ours.
fn settings(source: &Source, head: std::ops::Range<usize>) -> Result<Settings, Malformed> {
    let mut settings = Settings::default();
    let mut seen = Vec::new();
    let (mut depth, mut key, mut events) = (0_usize, None::<String>, 0_usize);
    for event in Parser::new_from_str(source.slice(head)) {
        let place = |line: usize| source.line(line.min(source.line_count().saturating_sub(1)));
        let refuse =
            |line: usize, why: &str| source.malformed(place(line), Cause::FrontMatter(why.to_owned()));
        let (event, span) = event.map_err(|err| refuse(err.marker().line(), err.info()))?;
        // The front matter begins on the second line, which is 1 of the document counted from 0.
        let line = span.start.line();
        events = events.saturating_add(1);
        if depth > 8 || events > 1_000 {
            return Err(refuse(line, "it is too large"));
        }
        match event {
            Event::Alias(_) => return Err(refuse(line, "it has an alias")),
            Event::MappingStart(..) | Event::SequenceStart(..) => {
                if depth == 1 && key.is_none() {
                    return Err(refuse(line, "a key is no plain word"));
                }
                if depth == 0 && matches!(event, Event::SequenceStart(..)) {
                    return Err(refuse(line, "it is no list of keys"));
                }
                depth = depth.saturating_add(1);
            }
            Event::MappingEnd | Event::SequenceEnd => {
                depth = depth.saturating_sub(1);
                if depth == 1 {
                    key = None;
                }
            }
            Event::Scalar(text, style, ..) => match (depth, &key) {
                (0, _) if text.is_empty() || (text == "~" && style == ScalarStyle::Plain) => {}
                (0, _) => return Err(refuse(line, "it is no list of keys")),
                (1, None) => {
                    if seen.iter().any(|it| *it == text) {
                        return Err(refuse(line, "a key is there twice"));
                    }
                    seen.push(text.to_string());
                    key = Some(text.to_string());
                }
                (1, Some(name)) => {
                    match name.as_str() {
                        "inclusion" => settings.inclusion = Some((text.to_string(), line)),
                        "fileMatchPattern" => settings.pattern.push(text.to_string()),
                        "name" => settings.name = Some(text.to_string()),
                        "description" => settings.description = Some(text.to_string()),
                        _ => {}
                    }
                    key = None;
                }
                (2, Some(name)) if name == "fileMatchPattern" => settings.pattern.push(text.to_string()),
                _ => {}
            },
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => {}
        }
    }
    Ok(settings)
}
