//! Trials with an end: what is not enforced yet, what will be within two weeks, and what is over.

use portcullis_engine::policy::ModeDocument;

use super::{Inspection, Needs, Rule};
use crate::diagnostics::Severity;

pub(super) const RUNNING: Rule = Rule {
    name: "shadow-running",
    severity: Severity::Note,
    needs: Needs::Policy,
    finds: "a shadow mode: refusals that pass",
};
pub(super) const ENDING: Rule = Rule {
    name: "shadow-ending",
    severity: Severity::Warning,
    needs: Needs::Policy,
    finds: "a shadow mode that ends within two weeks",
};
pub(super) const ENDED: Rule = Rule {
    name: "shadow-ended",
    severity: Severity::Warning,
    needs: Needs::Policy,
    finds: "a shadow mode that is over, and enforces",
};

/// Seconds.
const TWO_WEEKS: u64 = 14 * 24 * 3600;

pub(super) fn look(inspection: &mut Inspection<'_>) {
    let document = &inspection.loaded.document;
    let mut modes = vec![("mode".to_owned(), document.mode)];
    for (name, service) in document.services.iter() {
        modes.push((format!("services.{name}.mode"), service.mode));
        for (index, row) in service.routes.iter().enumerate() {
            modes.push((format!("services.{name}.routes[{index}].mode"), row.mode));
        }
    }
    for (place, mode) in modes {
        let Some(ModeDocument::Shadow { until }) = mode else { continue };
        let left = until.end().0.saturating_sub(inspection.now.0);
        let (rule, message, help) = match left {
            0 => (
                &ENDED,
                format!("the trial ended with {until}: refusals are refused"),
                "remove the mode",
            ),
            1..=TWO_WEEKS => (
                &ENDING,
                format!("the trial ends with {until}: what passes marked today will be refused"),
                "look at what was marked, mend the table, and remove the mode; or give it a later day",
            ),
            _ => (&RUNNING, format!("until {until} nothing is refused here, only marked"), ""),
        };
        inspection.add(rule, &place, message, help);
    }
}
