//! Level 2: may this client call this endpoint at all? Knows endpoints and roles, never a resource.
//!
//! [`path`] reads the request's path in one way or refuses it, [`route_template`] and
//! [`route_tree`] find its row, [`roles`] turns verified claims into a plain list and compares it
//! with the requirement of the route.

pub mod path;
pub mod roles;
pub mod route_template;
pub mod route_tree;
