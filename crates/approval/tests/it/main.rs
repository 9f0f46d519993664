//! What a signature means and whether it holds, from outside: one binary, a module per concern. `cfg(test)` tells the
//! lints that helpers, too, are tests.

#[cfg(test)]
mod fields;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod made;
#[cfg(test)]
mod openssh;
#[cfg(test)]
mod passkey;
#[cfg(test)]
mod passkey_line;
#[cfg(test)]
mod people;
#[cfg(test)]
mod request;
#[cfg(test)]
mod security_key;
#[cfg(test)]
mod text;
#[cfg(test)]
mod vectors;
