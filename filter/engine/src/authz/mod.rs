//! Level 2: may this client call this endpoint at all? Knows endpoints and roles, never a resource.
pub mod roles;
