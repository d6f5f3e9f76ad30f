//! Virtual machines: whose shared data is whose.

use serde_json::Value;

use super::super::Inspection;
use super::SHARED_VM;
use super::filters::fails_open;
use super::survey::{At, Survey};

pub(super) fn look(inspection: &mut Inspection<'_>, survey: &Survey<'_>) {
    for (index, plugin) in survey.plugins.iter().enumerate().filter(|(_, plugin)| is_ours(plugin)) {
        fails_open(inspection, plugin);
        let shares = |other: &&At<'_>| vm_id(other) == vm_id(plugin) && differs(other, plugin);
        // of two of ours the first is told of the second
        let others = survey.plugins.iter().enumerate();
        let other = others
            .filter(|(at, other)| *at > index || !is_ours(other))
            .map(|(_, other)| other)
            .find(shares);
        if let Some(other) = other {
            let message = match vm_id(plugin) {
                "" => "another plugin has no `vm_id` either: both share their data".to_owned(),
                id => format!("another plugin has the `vm_id` `{id}` too: both share their data"),
            };
            let help =
                "give the filter a `vm_id` of its own: who shares it could write into its keys";
            let mark = plugin.mark(".vm_config.vm_id");
            inspection.add_at(&SHARED_VM, mark, message, help).other =
                Some(other.mark(".vm_config.vm_id"));
        }
    }
}

fn vm_id<'a>(plugin: &At<'a>) -> &'a str {
    plugin.value["vm_config"]["vm_id"].as_str().unwrap_or_default()
}

/// Other code, another policy.
fn differs(one: &At<'_>, other: &At<'_>) -> bool {
    let code = |at: &At<'_>| at.value["vm_config"]["code"].clone();
    code(one) != code(other) || one.value["configuration"] != other.value["configuration"]
}

/// By what it is called, or by its code.
fn is_ours(plugin: &At<'_>) -> bool {
    let called =
        |field: &str| plugin.value[field].as_str().is_some_and(|name| name.contains("portcullis"));
    let code = |value: &Value| value.to_string().contains("portcullis");
    called("name") || called("root_id") || code(&plugin.value["vm_config"])
}
