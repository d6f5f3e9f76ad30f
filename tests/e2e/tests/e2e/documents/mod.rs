//! The documents: every fenced block is run or loaded, by what its info string
//! says it is. One without a known info string fails, so nothing untested can be written.
mod blocks;
mod commands;
mod envoy;
mod facts;
mod handoff;
mod migration;
mod notes;
mod policies;
mod session;
mod settings;
mod shipped;
mod walk;

use blocks::blocks;

/// What a block may be, and which test has it.
const KNOWN: [(&str, &str); 19] = [
    ("text drawing", "nothing to run: boxes and arrows"),
    ("yaml policy", "policies::every_policy_loads_and_nothing_is_found_in_it"),
    ("yaml part", "policies::every_part_of_a_policy_loads_in_the_shipped_one"),
    ("yaml clusters", "envoy::envoy_takes_every_fragment_of_its_configuration, walk"),
    ("yaml instead", "envoy::envoy_takes_every_fragment_of_its_configuration, migration"),
    ("yaml probes", "walk"),
    ("json walk", "walk"),
    ("yaml walk", "walk"),
    ("rust walk", "walk"),
    ("console walk", "walk"),
    ("sh log", "walk, and compose::compose_answers_as_the_documents_say"),
    ("sh keys", "compose::compose_has_its_secrets_on_a_machine_without_rust_as_the_documents_say"),
    ("console token", "compose::compose_answers_as_the_documents_say"),
    ("console", "commands::every_console_block_says_what_the_documents_say"),
    ("console shop", "commands::the_shop_answers_as_the_documents_say"),
    ("console xtask", "commands::the_projects_commands_and_those_of_compose_are_there"),
    ("sh compose", "commands::the_projects_commands_and_those_of_compose_are_there"),
    ("console rotation", "handoff::a_handoff_key_is_replaced_without_a_refused_assertion"),
    ("js verify.mjs", "handoff::any_language_verifies_the_assertion_in_thirty_lines"),
];

#[test]
fn every_block_says_how_it_is_tested() {
    for block in blocks() {
        // a file of the walk has its name behind
        let walk = block.info.split_once(" walk ").map(|(language, _)| format!("{language} walk"));
        let info = walk.unwrap_or_else(|| block.info.clone());
        let known = KNOWN.iter().any(|(known, _)| *known == info);
        assert!(known, "{block}: say what it is: {:?}", KNOWN.map(|(known, _)| known));
    }
}
