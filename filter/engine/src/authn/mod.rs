//! Level 1: who is this client? Knows no endpoint and no resource.
pub mod algorithm;
pub mod claims;
pub mod jwks;
