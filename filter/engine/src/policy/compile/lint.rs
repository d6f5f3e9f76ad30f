//! What is allowed to `portcullis check` by name: with a reason, or the next reader learns nothing.

use super::super::document::LintDocument;
use super::super::error::{Mistakes, Place};
use super::super::text::{Quoted, is_plain, is_printable};

/// Notes what is allowed without a name or a reason, in the document at `root`.
pub(in crate::policy) fn check(root: &Place<'_>, document: &LintDocument, mistakes: &mut Mistakes) {
    let place = root.field("lint");
    let place = place.field("allow");
    for (index, allowed) in document.allow.iter().enumerate() {
        let place = place.item(index);
        if !is_plain(&allowed.rule) {
            let message = format!("{} is no lint rule", Quoted(&allowed.rule));
            mistakes.add(
                place.field("rule"),
                message,
                "write the rule's name as `portcullis check` prints it",
            );
        }
        if !is_printable(allowed.reason.trim()) {
            let help = "write why it is wanted: for the next reader";
            mistakes.add(place.field("reason"), "a finding is allowed without a reason", help);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::policy::testing::{assert_seen, report};

    #[test]
    fn a_finding_is_allowed_by_name_and_with_a_reason() {
        assert_seen!(report(&[
            ("no name", |it| it["lint"] = json!({ "allow": [{ "rule": "", "reason": "x" }] })),
            ("no reason", |it| it["lint"] = json!({ "allow": [{ "rule": "public-row", "reason": " " }] })),
            ("no reason at all", |it| it["lint"] = json!({ "allow": [{ "rule": "public-row" }] })),
        ]));
    }
}
