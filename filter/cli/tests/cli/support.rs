//! What the tests share.

use std::rc::Rc;

use portcullis_cli::policy::Loaded;
use portcullis_cli::source::Source;
use serde_json::Value;

/// The policy of a document.
pub(crate) fn loaded(document: &Value) -> Option<Loaded> {
    let source: Rc<Source> = Source::new("policy.yaml", document.to_string());
    Loaded::of(vec![source]).ok()
}
