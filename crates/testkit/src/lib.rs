//! Test rigs: moto, the real aws CLI, keys, temporary installations.
