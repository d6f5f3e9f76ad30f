//! The shipped module has no fault injection, and its layout comes from its profile.
use std::fs;

use e2e::Shared;
use harness::artifacts;

static SHOP: Shared = Shared::named("faults-shipped");

/// Texts that only a module with fault injection contains.
const SIGNS: [&str; 3] =
    ["injected fault: request", "injected fault: lease", "PORTCULLIS_FAULT_HOST"];

fn holds(module: &[u8], name: &str) -> bool {
    module.windows(name.len()).any(|part| part == name.as_bytes())
}

#[test]
fn the_shipped_module_has_no_fault_injection() {
    let shipped = fs::read(artifacts::plugin().unwrap()).unwrap();
    let faulty = fs::read(artifacts::plugin_with_faults().unwrap()).unwrap();
    for name in SIGNS {
        assert!(holds(&faulty, name), "{name} is in no module");
        assert!(!holds(&shipped, name), "{name} ships");
    }
}

#[test]
fn the_shipped_module_has_a_reproducible_layout_with_branch_hints() {
    let shipped = fs::read(artifacts::plugin().unwrap()).unwrap();
    assert!(holds(&shipped, "metadata.code.branch_hint"), "no hints");
    let linked = fs::read(artifacts::target().join("wasm32-wasip1/wasm/portcullis.wasm")).unwrap();
    assert_eq!(portcullis_finish::ship(&linked).unwrap(), shipped);
}

/// GHSA-h7pq-86h8-rp5x, GHSA-cxpq-8v7q-cg56 (Envoy Gateway), #4528 (higress): a fetched module is
/// unpacked within a bound. Ours fits into a small one.
#[test]
fn the_shipped_module_is_below_2_mib() {
    const BOUND: u64 = 2 * 1024 * 1024;
    let size = fs::metadata(artifacts::plugin().unwrap()).unwrap().len();
    assert!(size < BOUND, "{size} bytes");
}

#[test]
fn the_header_of_fault_injection_has_no_effect_on_the_shipped_module() {
    SHOP.visit(async |shop| {
        for fault in ["request", "lease"] {
            shop.get("/me").sent_as("alice").header("x-portcullis-fault", fault).answers(200).await;
        }
        let log = shop.stack.envoy().process().log().lines();
        assert!(!log.iter().any(|line| line.contains("panicked")));
    });
}
