//! Headers that pass although the gateway vouches for nothing in them.

use super::{Inspection, Needs, Rule};
use crate::report::Severity;

pub(super) const UNVERIFIED: Rule = Rule {
    name: "unverified-credential-passes",
    severity: Severity::Note,
    needs: Needs::Policy,
    finds: "a credential that services get although nobody has verified it",
};

pub(super) fn look(inspection: &mut Inspection<'_>) {
    for (index, name) in inspection.loaded.document.headers.pass_unverified.iter().enumerate() {
        let message = format!(
            "services get `{name}` as the client sent it, forged or not, beside a verified caller too"
        );
        let help = "remove it, unless every service verifies it and takes it for nobody else than the caller";
        inspection.add(&UNVERIFIED, &format!("headers.pass_unverified[{index}]"), message, help);
    }
}
