//! What fuzzers found once must not come back: a test for each file of `tests/fuzz/found/<target>`,
//! called what the file is called.
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("found")
}

/// The name of a test, as its file has it.
fn file(target: &str, test: &str) -> String {
    format!("{target}/{}", test.replace('_', "-"))
}

macro_rules! found {
    ($($target:ident: [$($test:ident),+ $(,)?],)+) => {
        $(mod $target { $(
            #[test]
            fn $test() {
                let file = super::folder().join(super::file(stringify!($target), stringify!($test)));
                fuzz::$target(&std::fs::read(&file).unwrap());
            }
        )+ })+

        fn tests() -> BTreeSet<String> {
            [$($(file(stringify!($target), stringify!($test)),)+)+].into()
        }
    };
}

found! {
    request: [
        a_method_that_is_no_text_in_shadow_mode,
        a_token_bound_to_the_certificate_that_is_shown,
        a_row_that_shadows_by_itself,
    ],
    configuration: [
        a_number_of_many_digits,
    ],
    discovery: [
        a_byte_that_is_no_text_in_a_member_that_is_not_read,
        a_number_out_of_range_in_a_member_that_is_not_read,
        half_a_surrogate_pair_in_a_member_that_is_not_read,
    ],
    assertion: [
        a_byte_that_is_no_text_in_a_claim_that_is_not_read,
        a_row_whose_parameter_spans_two_segments,
    ],
}

#[test]
fn whatever_was_found_has_a_test() {
    let names = |folder: PathBuf| {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        entries.map(|name| name.into_string().unwrap()).collect::<Vec<_>>()
    };
    let targets = names(folder()).into_iter();
    let files = targets.flat_map(|target| {
        names(folder().join(&target)).into_iter().map(move |it| format!("{target}/{it}"))
    });
    assert_eq!(files.collect::<BTreeSet<_>>(), tests(), "name each in `found!`");
}

#[test]
fn every_target_has_a_program_for_libfuzzer_and_a_place_in_the_command() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    let (manifest, command) = (read("libfuzzer/Cargo.toml"), read("../xtask/src/fuzz.rs"));
    for target in &fuzz::TARGETS {
        let name = target.name;
        assert!(
            manifest.contains(&format!("name = \"{name}\"\npath = \"targets/{name}.rs\"")),
            "{name}"
        );
        assert!(
            read(&format!("libfuzzer/targets/{name}.rs")).contains(&format!("fuzz::{name}(input)")),
            "{name}"
        );
        assert!(command.contains(&format!("\"{name}\"")), "{name}");
    }
    assert_eq!(manifest.matches("[[bin]]").count(), fuzz::TARGETS.len());
}
