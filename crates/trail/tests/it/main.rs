//! Trails written by us in CloudTrail's form, against ledgers written by us.

#![cfg(test)]

mod matching;
mod reading;
