//! A certificate that clients believe already, and that is another one every few weeks: whoever connects next is shown the
//! newest, and nobody who is connected notices.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use rustls::ServerConfig;

use crate::{TlsError, server_of};

pub struct Given(RwLock<Arc<ServerConfig>>);

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Given(its key is not shown)")
    }
}

impl Given {
    /// A certificate (chain) and its key, in PEM.
    ///
    /// # Errors
    /// Where one of the two is no PEM of its kind, or they are not each other's.
    pub fn new(chain: &str, key: &str) -> Result<Self, TlsError> {
        Ok(Self(RwLock::new(server_of(chain, key)?)))
    }

    /// Another one in its place.
    ///
    /// # Errors
    /// As [`Given::new`]; the one before stays.
    pub fn renew(&self, chain: &str, key: &str) -> Result<(), TlsError> {
        let server = server_of(chain, key)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = server;
        Ok(())
    }

    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::new_authority;

    #[test]
    fn what_does_not_fit_leaves_the_one_before() {
        let [(first, first_key), (second, second_key)] =
            [(); 2].map(|()| new_authority(SystemTime::UNIX_EPOCH).unwrap());
        let given = Given::new(&first, &first_key).unwrap();
        let before = given.server();
        for (chain, key) in [(&second, &first_key), (&first, &second_key), (&String::new(), &second_key)] {
            given.renew(chain, key).unwrap_err();
            assert!(Arc::ptr_eq(&before, &given.server()));
        }
        given.renew(&second, &second_key).unwrap();
        assert!(!Arc::ptr_eq(&before, &given.server()));
        assert!(!format!("{given:?}").contains("PRIVATE"));
    }
}
