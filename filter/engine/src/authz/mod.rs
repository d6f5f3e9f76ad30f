//! Level 2: may this client call this endpoint at all? Knows endpoints and roles, never a resource.
//!
//! [`path`] reads the request's path in one way or refuses it, [`template`] and [`tree`] find its row, [`roles`] turns
//! verified claims into a plain list, and [`requirement`] compares the two.

pub mod path;
pub mod requirement;
pub mod roles;
pub mod template;
pub mod tree;
