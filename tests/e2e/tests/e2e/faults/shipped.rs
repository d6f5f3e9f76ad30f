//! What ships has no traps, and is laid out by its training.
use std::fs;

use e2e::Shared;
use harness::artifacts;

static SHOP: Shared = Shared::named("faults-shipped");

/// What a module with traps has in it: what it says when it dies, and the name of a variable.
const SIGNS: [&str; 3] = ["injected fault: request", "injected fault: lease", "PORTCULLIS_FAULT_HOST"];

fn holds(module: &[u8], name: &str) -> bool {
    module.windows(name.len()).any(|part| part == name.as_bytes())
}

#[test]
fn the_module_that_ships_has_no_trap() {
    let shipped = fs::read(artifacts::plugin().unwrap()).unwrap();
    let trapped = fs::read(artifacts::plugin_with_faults().unwrap()).unwrap();
    for name in SIGNS {
        assert!(holds(&trapped, name), "{name} is no trap any more");
        assert!(!holds(&shipped, name), "{name} ships");
    }
}

#[test]
fn the_module_that_ships_is_laid_out_by_its_training_in_one_way() {
    let shipped = fs::read(artifacts::plugin().unwrap()).unwrap();
    assert!(holds(&shipped, "metadata.code.branch_hint"), "no hints");
    let linked = fs::read(artifacts::target().join("wasm32-wasip1/wasm/portcullis.wasm")).unwrap();
    assert_eq!(portcullis_finish::ship(&linked).unwrap(), shipped);
}

/// GHSA-h7pq-86h8-rp5x, GHSA-cxpq-8v7q-cg56 (Envoy Gateway), #4528 (higress): a fetched module is unpacked within a bound.
/// Ours fits into a small one.
#[test]
fn the_module_that_ships_is_below_2_mib() {
    const BOUND: u64 = 2 * 1024 * 1024;
    let size = fs::metadata(artifacts::plugin().unwrap()).unwrap().len();
    assert!(size < BOUND, "{size} bytes");
}

#[test]
fn the_headers_that_spring_a_trap_are_headers_like_any_other() {
    SHOP.visit(async |shop| {
        for trap in ["request", "lease"] {
            shop.get("/me").sent_as("alice").header("x-portcullis-fault", trap).answers(200).await;
        }
        let log = shop.stack.envoy().process().log().lines();
        assert!(!log.iter().any(|line| line.contains("panicked")));
    });
}
