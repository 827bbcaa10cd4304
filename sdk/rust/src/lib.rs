//! Aggregates of the Nacre event store in Rust, compiled to WebAssembly.
//!
//! An aggregate is a type with two pure functions: [`Aggregate::decide`] says what a command leads to, and
//! [`Aggregate::evolve`] applies what has happened. [`commands!`] and [`events!`] make the tables of what can be
//! asked for and what can happen, [`json_struct!`] makes states and other objects, [`export_aggregate!`] makes the
//! module:
//!
//! ```
//! #![cfg_attr(target_arch = "wasm32", no_std)]
//! use nacre_guest::prelude::*;
//!
//! json_struct! {
//!     #[derive(Clone, Default)]
//!     pub struct Account { cents: u64 }
//! }
//!
//! commands! {
//!     pub enum Command {
//!         Withdraw { cents: u64 } = "withdraw",
//!         Deposit { cents: u64 } = "deposit",
//!     }
//! }
//!
//! events! {
//!     pub enum Event {
//!         Withdrawn { cents: u64 } = "account.withdrawn",
//!         Deposited { cents: u64 } = "account.deposited",
//!     }
//! }
//!
//! json_struct! {
//!     struct Overdrawn { short: u64 }
//! }
//!
//! impl Aggregate for Account {
//!     const NAME: &'static str = "account";
//!     type Command = Command;
//!     type Event = Event;
//!
//!     fn decide(&self, command: Command, _: &Context) -> Result<Vec<Event>, Error> {
//!         Ok(vec![match command {
//!             Command::Deposit { cents } => Event::Deposited { cents },
//!             Command::Withdraw { cents } if cents <= self.cents => Event::Withdrawn { cents },
//!             Command::Withdraw { cents } => {
//!                 let short = cents - self.cents;
//!                 return Err(Error::domain("overdrawn", format!("{short} cents short")).with(&Overdrawn { short }));
//!             }
//!         }])
//!     }
//!
//!     fn evolve(&mut self, event: &Event) {
//!         match event {
//!             Event::Withdrawn { cents } => self.cents -= cents,
//!             Event::Deposited { cents } => self.cents += cents,
//!         }
//!     }
//! }
//!
//! export_aggregate!(Account);
//! # fn main() {}
//! ```
//!
//! Guarantees:
//!
//! 1. The same request has the same reply, whatever the instance did before. The states that it keeps between
//!    requests are a cache, of bounded size, and none stays from a request that failed, unless it is as it was.
//! 2. What is read is checked: a payload with members that are unknown, missing, there twice, or of another shape
//!    is the caller's error, a state or event that does not read is the module's; nothing is taken for something
//!    else.
//! 3. A module's memory does not grow with the number of requests.
//!
//! A panic is a trap, which fails that command and ends the instance; its message is logged first. There is no
//! dependency. On WebAssembly the crate brings an allocator, and the panic handler that crates without `std`
//! need; the feature `std` is for crates that use it. Natively the same code runs in tests: see [`cases`].
//!
//! There is no clock, no randomness and no I/O: time is [`Context::time`], and what has to be random comes in the
//! command. The interface is specified in `spec/wasm-abi.md` of the Nacre repository.
#![no_std]

#[doc(hidden)]
pub extern crate alloc;

#[cfg(any(not(target_arch = "wasm32"), feature = "std"))]
extern crate std;

mod aggregate;
#[cfg(not(target_arch = "wasm32"))]
pub mod cases;
mod context;
mod error;
mod guest;
mod heap;
pub mod json;
mod logging;
mod macros;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod runtime;
#[cfg(test)]
mod testing;

pub use aggregate::{Aggregate, Commands, Entry, Events};
pub use context::Context;
pub use error::{Code, Error};
pub use guest::Guest;
pub use logging::Level;

/// What an aggregate needs, for `use nacre_guest::prelude::*`: this crate's names, and what `std` would bring.
pub mod prelude {
    pub use crate::alloc::borrow::ToOwned;
    pub use crate::alloc::boxed::Box;
    pub use crate::alloc::collections::BTreeMap;
    pub use crate::alloc::format;
    pub use crate::alloc::string::{String, ToString};
    pub use crate::alloc::vec;
    pub use crate::alloc::vec::Vec;
    pub use crate::json::Raw;
    pub use crate::{commands, events, export_aggregate, json_enum, json_struct, log};
    pub use crate::{Aggregate, Context, Error, Guest, Level};
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

// What the macros need of this crate, wherever they are used.

#[doc(hidden)]
pub use alloc::format as __format;

#[doc(hidden)]
pub fn __fill<T: json::FromJson>(
    field: &mut Option<T>,
    name: &str,
    r: &mut json::Reader<'_>,
) -> Result<(), json::Error> {
    if field.is_some() {
        return Err(json::Error::twice(name));
    }
    *field = Some(T::read(r).map_err(|e| e.within(name))?);
    Ok(())
}

#[doc(hidden)]
pub fn __upcast<T: json::FromJson, E>(r: &mut json::Reader<'_>, upcast: impl FnOnce(T) -> E) -> Result<E, json::Error> {
    T::read(r).map(upcast)
}

#[doc(hidden)]
pub fn __is_older<E: Events>(kind: &str, schema_version: u32, older: u32) -> bool {
    match older {
        0 => !E::TABLE.iter().any(|entry| entry.name == kind && entry.schema_version <= schema_version),
        _ => older == schema_version,
    }
}

#[doc(hidden)]
pub fn __check_version(found: u32, known: u32) -> Result<(), json::Error> {
    if found == known {
        return Ok(());
    }
    Err(json::Error::new(alloc::format!("has schema version {found}, and this module knows {known}")))
}
