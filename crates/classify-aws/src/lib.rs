//! AWS requests in, actions out: signatures, routing, parameters, effects, and the tables behind them. Pure: bytes
//! and times are parameters, and what must be read from a cloud is asked for as data.

pub mod answer;
pub mod endpoint;
pub mod payload;
pub mod sigv4;
