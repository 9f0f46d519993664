//! The edge against a server that speaks the real protocols, by script.

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod protocols;
#[cfg(test)]
mod secrets;
