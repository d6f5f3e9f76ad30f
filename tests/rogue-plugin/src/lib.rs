//! Somebody else's plugin with our VM id, and so with our shared data: at every tick of 50 ms it
//! writes what its configuration says, a JSON object of names, each with a list of values in
//! base64url that take turns. Requests pass it by.
#![allow(missing_docs, reason = "what `main!` exports has none")]

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{ContextType, LogLevel};
use serde_json::{Map, Value};

const TICK: Duration = Duration::from_millis(50);

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|_| Box::new(RoguePlugin::default()));
}}

/// The root context: what is to be written.
#[derive(Default)]
struct RoguePlugin {
    entries: Vec<(String, Vec<Vec<u8>>)>,
    tick: usize,
}

impl RoguePlugin {
    fn plant(&mut self) {
        for (name, values) in &self.entries {
            let value = values.iter().cycle().nth(self.tick % values.len().max(1));
            // whatever was there before
            let _ = self.set_shared_data(name, value.map(Vec::as_slice), None);
        }
        self.tick += 1;
    }
}

impl Context for RoguePlugin {}

impl RootContext for RoguePlugin {
    fn on_configure(&mut self, _: usize) -> bool {
        let text = self.get_plugin_configuration().unwrap_or_default();
        let entries: Map<String, Value> = serde_json::from_slice(&text).unwrap_or_default();
        let decode = |value: &Value| BASE64URL.decode(value.as_str()?).ok();
        let values = |list: &Value| list.as_array()?.iter().map(decode).collect::<Option<_>>();
        self.entries =
            entries.iter().filter_map(|(name, list)| Some((name.clone(), values(list)?))).collect();
        self.plant();
        self.set_tick_period(TICK);
        !self.entries.is_empty()
    }

    fn on_tick(&mut self) {
        self.plant();
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(PassingBy))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// A request that passes by.
struct PassingBy;

impl Context for PassingBy {}

impl HttpContext for PassingBy {}
