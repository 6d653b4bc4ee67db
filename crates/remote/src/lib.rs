//! A model behind an OpenAI-compatible server, and what asking it takes: retries, a limit of cost, and a file in which every answer is kept, so
//! that no answer is paid for twice.
//!
//! - [`Server`] is where it is; [`Key`] is what it asks for, and is never shown.
//! - [`Client::ask`] sends one request, as often as it takes, and reads its answer. [`ask_all`] sends many at a time.
//! - [`Ledger`] keeps answers and what they cost, for all processes of a run.
//!
//! This crate reads a clock, as `measure` does: how long a call takes and how long to wait for the next is part of what a server is.

mod client;
mod error;
mod key;
mod ledger;
mod lines;
mod many;
mod pace;
mod price;
mod server;
mod transport;

pub use client::{Answered, Client, Limits, Request};
pub use error::{AskError, LedgerError, ServerError};
pub use key::Key;
pub use ledger::Ledger;
pub use many::ask_all;
pub use price::{Prices, Tokens};
pub use server::Server;
