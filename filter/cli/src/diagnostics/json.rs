//! Findings as data.

use serde_json::{Value, json};

use crate::diagnostics::Finding;
use crate::diagnostics::source::Mark;

/// One document with all of them.
pub(super) fn document(findings: &[Finding]) -> String {
    format!("{:#}\n", json!({ "findings": super::data(findings) }))
}

/// One of them.
pub(super) fn finding(finding: &Finding) -> Value {
    let list = finding.list.iter().map(|(at, text)| {
        let mut item = json!({ "message": text });
        extend(&mut item, at.as_ref().map(mark));
        item
    });
    let list: Vec<_> = list.collect();
    let mut value = json!({
        "rule": finding.rule,
        "severity": finding.severity.word(),
        "message": finding.message,
    });
    extend(&mut value, finding.help.as_ref().map(|help| json!({ "help": help })));
    extend(&mut value, finding.mark.as_ref().map(mark));
    extend(&mut value, finding.other.as_ref().map(|other| json!({ "see": mark(other) })));
    extend(&mut value, (!list.is_empty()).then(|| json!({ "list": list })));
    value
}

fn mark(mark: &Mark) -> Value {
    let [(line, column), (end_line, end_column)] = mark.lines();
    json!({
        "file": mark.source.name,
        "place": mark.place,
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
    })
}

fn extend(value: &mut Value, more: Option<Value>) {
    if let (Some(object), Some(Value::Object(more))) = (value.as_object_mut(), more) {
        object.extend(more);
    }
}
