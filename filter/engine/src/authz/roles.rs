//! How a provider's claims become a plain list of roles.
/// The rules of one provider.
#[derive(Clone, Debug, Default)]
pub struct RoleRules;
