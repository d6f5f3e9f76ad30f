//! A table of cases: who asks for what, and what must come of it. Decided by the engine, with tokens signed for this run.

mod decide;
mod document;

pub use decide::{Decided, decide};
pub use document::{Caller, Case, Cases, Expect, Who};
