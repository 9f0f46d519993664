//! The statement, signature verification, counting people, separation of duties; pure.
