//! The AWS API front: receive, ask, forward.
