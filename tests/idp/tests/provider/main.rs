//! The provider from outside, over real sockets.
mod grants;
mod metadata;
mod support;
