//! A header that goes out with every answer and says the same until something changes.

use std::sync::{Arc, Mutex, PoisonError};

use hyper::{
    HeaderMap,
    header::{HeaderName, HeaderValue},
};

/// `text` is made once for as long as it stays the same [`Arc`].
#[derive(Debug)]
pub struct Carried {
    name: HeaderName,
    made: Mutex<Option<(Arc<str>, HeaderValue)>>,
}

impl Carried {
    /// `name`: in small letters.
    pub const fn new(name: &'static str) -> Self {
        Self { name: HeaderName::from_static(name), made: Mutex::new(None) }
    }

    /// Into `headers`; nothing, where the text is none that a header can have.
    pub fn ride(&self, text: &Arc<str>, headers: &mut HeaderMap) {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.as_ref().is_none_or(|(known, _)| !Arc::ptr_eq(known, text)) {
            *made = HeaderValue::from_str(text).ok().map(|value| (Arc::clone(text), value));
        }
        if let Some((_, value)) = made.as_ref() {
            headers.insert(self.name.clone(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_is_so_now() {
        let carried = Carried::new("x-newest");
        let mut headers = HeaderMap::new();
        for text in ["one", "one", "two", ""] {
            carried.ride(&Arc::from(text), &mut headers);
            assert_eq!(headers["x-newest"], text);
        }
        let mut none = HeaderMap::new();
        carried.ride(&Arc::from("a\nb"), &mut none);
        assert!(none.is_empty());
    }
}
