//! Headers that the policy passes unverified.

use super::{Inspection, Needs, Rule};
use crate::diagnostics::Severity;

pub(super) const UNVERIFIED: Rule = Rule {
    name: "unverified-credential-passes",
    severity: Severity::Note,
    needs: Needs::Policy,
    finds: "an unverified credential that services receive",
};

pub(super) fn look(inspection: &mut Inspection<'_>) {
    for (index, name) in inspection.loaded.document.headers.pass_unverified.iter().enumerate() {
        let message = format!(
            "services receive `{name}` as the client sent it, even if it is forged and another credential was verified"
        );
        let help = "remove it, unless every service verifies it and rejects one of another caller";
        inspection.add(&UNVERIFIED, &format!("headers.pass_unverified[{index}]"), message, help);
    }
}
