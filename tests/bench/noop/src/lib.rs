//! A filter that does nothing with every request: what Envoy's WebAssembly sandbox costs by itself.
#![allow(missing_docs, reason = "what `main!` exports has none")]
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Idle));
}}

struct Idle;

impl Context for Idle {}
impl HttpContext for Idle {}

impl RootContext for Idle {
    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Idle))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}
