//! The shop: what every use case works with.

use std::sync::Arc;

use super::ports::{Clock, Store};

/// What every use case works with.
#[derive(Clone)]
pub struct Shop {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What the operator chose.
    pub settings: Settings,
}

/// What the operator chose.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// The admin's bypass needs a reason.
    pub admin_reason_required: bool,
    /// What is another's seems to be absent.
    pub hide_existence: bool,
}
