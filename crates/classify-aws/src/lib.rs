//! AWS requests in, actions out: signatures, routing, parameters, effects, and the tables behind them. Pure: bytes
//! and times are parameters, and what must be read from a cloud is asked for as data.

pub mod address;
pub mod answer;
pub mod call;
pub mod classify;
pub mod endpoint;
pub mod gather;
pub mod kinds;
pub mod overrides;
pub mod params;
pub mod payload;
pub mod recorded;
pub mod rights;
pub mod route;
mod second_lock;
pub mod sheet;
pub mod sigv4;
pub mod table;
