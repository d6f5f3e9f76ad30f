//! The provider from outside, over real sockets.
mod control;
mod faults;
mod grants;
mod metadata;
mod mint;
mod process;
mod rotation;
mod support;
mod wire;
