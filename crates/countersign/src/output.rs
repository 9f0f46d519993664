//! Data on stdout, everything else on stderr; colours only where a terminal wants them (`NO_COLOR` is respected).
//! Text that came from elsewhere was sanitized where it entered a [`model`] type or is sanitized here.

use std::io::Write as _;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::{cli::Format, failure::Failure};

pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const BOLD: Style = Style::new().bold();

/// `text` in `style`.
pub(crate) fn styled(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// One line of data.
pub(crate) fn line(text: impl std::fmt::Display) {
    // A reader that has gone away (`| head`) is no error of ours.
    let _ = writeln!(anstream::stdout(), "{text}");
}

/// One line about what happens.
pub(crate) fn note(text: impl std::fmt::Display) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// In place of the line that was there before: on a terminal only.
pub(crate) fn passing(text: impl std::fmt::Display) {
    let _ = write!(anstream::stderr(), "\r\x1b[2K{text}");
}

/// One JSON document.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(Failure::unexpected)?;
    line(text);
    Ok(())
}

pub(crate) fn failure(failure: &Failure, format: Format) {
    if format == Format::Json {
        let body = api::ErrorBody {
            code: failure.code.clone(),
            message: failure.message.clone(),
            hint: failure.hint.clone(),
            exit: failure.exit,
            change: failure.change,
        };
        note(serde_json::to_string(&body).unwrap_or_default());
        return;
    }
    note(format!(
        "{} {} {}",
        styled(BAD, "error:"),
        failure.message,
        styled(DIM, format!("[{}]", failure.code))
    ));
    if let Some(hint) = &failure.hint {
        note(format!("{} {hint}", styled(WARN, "hint:")));
    }
}
