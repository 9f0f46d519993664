//! The dates of a signature: `20261121T010948Z` and, in an HTTP `Date` header, RFC 9110's form.

use jiff::{civil, tz::TimeZone};
use model::Timestamp;

/// Reads `YYYYMMDDTHHMMSSZ`, strictly.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    if date.len() != 8 || time.len() != 6 {
        return None;
    }
    let [date, time] = [digits(date)?, digits(time)?];
    let when = civil::DateTime::new(
        i16::try_from(date / 10_000).ok()?,
        i8::try_from(date / 100 % 100).ok()?,
        i8::try_from(date % 100).ok()?,
        i8::try_from(time / 10_000).ok()?,
        i8::try_from(time / 100 % 100).ok()?,
        i8::try_from(time % 100).ok()?,
        0,
    )
    .ok()?;
    Some(Timestamp::from_seconds(TimeZone::UTC.to_timestamp(when).ok()?.as_second()))
}

/// Reads the `Date` header: RFC 9110's form, or the basic one, which some signers put there.
pub(super) fn parse_http(text: &str) -> Option<Timestamp> {
    if text.len() > 40 {
        return None;
    }
    parse(text).or_else(|| {
        let zoned = jiff::fmt::rfc2822::parse(text).ok()?;
        Some(Timestamp::from_seconds(zoned.timestamp().as_second()))
    })
}

/// Writes `YYYYMMDDTHHMMSSZ`; a time outside the calendar becomes the empty text, which no verifier accepts.
pub(super) fn format(time: Timestamp) -> String {
    match jiff::Timestamp::from_second(time.seconds()) {
        Ok(time) => time.strftime("%Y%m%dT%H%M%SZ").to_string(),
        Err(_) => String::new(),
    }
}

/// The day of a written stamp.
pub(super) fn day(stamp: &str) -> &str {
    stamp.get(..8).unwrap_or_default()
}

fn digits(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_strict() {
        let good = parse("20261121T010948Z").unwrap();
        assert_eq!(format(good), "20261121T010948Z");
        assert_eq!(parse_http("Sat, 21 Nov 2026 01:09:48 GMT"), Some(good));
        assert_eq!(parse_http("20261121T010948Z"), Some(good));
        for bad in [
            "",
            "Z",
            "T",
            "20261121T010948",
            "20261321T010948Z",
            "20261121T250000Z",
            "2026112 T010948Z",
            "+0261121T010948Z",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        for bad in ["Sat, 21 Nov 2026", &"x".repeat(4000), "Sun, 21 Nov 2026 01:09:48 GMT"] {
            assert_eq!(parse_http(bad), None, "{bad}");
        }
    }
}
