//! Claims whose signature has been verified.
/// Comes only from verification; roles accept nothing else.
#[derive(Clone, Debug)]
pub struct VerifiedClaims { _private: () }
