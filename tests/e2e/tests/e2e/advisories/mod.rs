//! Faults that gateways, proxies and token libraries had in 2025 and 2026, shown not to be here.
//! Each test names the advisory whose class it holds. Those that need no gateway are the engine's
//! tests (`products`, `literal_names`, `collisions`, `forwarded`, `refusal_costs`); those about
//! paths, upgrades, certificates and planted data stand beside the others of their kind.
mod degraded;
mod elsewhere;
mod known_keys;
mod outlier;
mod repeated_headers;
mod streams;
mod vm_identity;

use e2e::Shop;

/// What tells of VMs that failed: Envoy's counters, and what its log says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct VmFaults {
    counted: u64,
    logged: Vec<String>,
}

/// The VMs that have failed so far; a test compares it with [`VmFaults::NONE`].
pub(crate) async fn vm_faults(shop: &Shop) -> VmFaults {
    const SIGNS: [&str; 6] = [
        "panicked",
        "in-VM backtrace",
        "vm failed",
        "RangeError",
        "proxy_on_delete failed",
        "Function: proxy_on",
    ];
    let stats = shop.stack.stats().await.unwrap();
    let log = shop.stack.envoy().process().log().lines();
    let is_sign = |line: &String| SIGNS.iter().any(|sign| line.contains(sign));
    VmFaults {
        counted: stats.sum(&["wasm.", "vm_reload"]) + stats.sum(&["wasm.", "fail"]),
        logged: log.into_iter().filter(is_sign).collect(),
    }
}

impl VmFaults {
    pub(crate) const NONE: Self = Self { counted: 0, logged: Vec::new() };
}
