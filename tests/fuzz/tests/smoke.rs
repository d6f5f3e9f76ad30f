//! Every target, on any toolchain: over its seeds, over seeds with changes, and over random bytes.
use fuzz::TARGETS;
use proptest::prelude::*;
use proptest::sample::{Index, Selector};
use proptest::test_runner::{Config, TestRunner};

/// Random inputs for each target. A target takes a millisecond at most, for the most part.
const CASES: u32 = 2_000;

/// A change of a seed.
#[derive(Clone, Debug)]
enum Change {
    Replace(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, u8),
    Copy(Index, Index, u8),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        any::<(Index, u8)>().prop_map(|(at, byte)| Change::Replace(at, byte)),
        (any::<Index>(), prop::collection::vec(any::<u8>(), 1..8))
            .prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        any::<(Index, u8)>().prop_map(|(at, length)| Change::Remove(at, length)),
        any::<(Index, Index, u8)>().prop_map(|(from, to, length)| Change::Copy(from, to, length)),
    ]
}

fn changed(mut input: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        let place = |at: &Index| at.index(input.len() + 1);
        let span = |at: &Index, length: u8| {
            place(at)..(place(at) + usize::from(length % 32)).min(input.len())
        };
        match change {
            Change::Replace(at, byte) => {
                let at = place(at);
                input.get_mut(at).into_iter().for_each(|it| *it = *byte);
            }
            Change::Insert(at, bytes) => {
                let at = place(at);
                input.splice(at..at, bytes.iter().copied());
            }
            Change::Remove(at, length) => drop(input.drain(span(at, *length))),
            Change::Copy(from, to, length) => {
                let (part, to) = (input[span(from, *length)].to_vec(), place(to));
                input.splice(to..to, part);
            }
        }
    }
    input
}

fn smoke(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let seeds = (target.seeds)();
    assert!(seeds.len() >= 5, "{}", seeds.len());
    for input in &seeds {
        (target.run)(input);
    }
    (target.run)(b"");

    let one_of_seeds = any::<Selector>().prop_map(move |it| it.select(&seeds).clone());
    let mutant = (one_of_seeds, prop::collection::vec(change(), 1..4));
    let mutant = mutant.prop_map(|(seed, changes)| changed(seed, &changes));
    let inputs = prop_oneof![3 => mutant, 1 => prop::collection::vec(any::<u8>(), 0..256)];
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&inputs, |input| {
            (target.run)(&input);
            Ok(())
        })
        .unwrap();
}

#[test]
fn nobodys_signature_verifies_by_a_key_of_any_document() {
    smoke("jwks");
}

#[test]
fn a_token_that_passes_is_right_to_a_second_reader_too() {
    smoke("token");
}

#[test]
fn only_one_whole_issued_token_passes_in_authorization() {
    smoke("authorization");
}

#[test]
fn the_row_of_a_path_is_the_most_specific_that_matches() {
    smoke("path");
}

#[test]
fn a_policy_lets_nobody_pass_but_by_a_row_that_says_so() {
    smoke("policy");
}

#[test]
fn whatever_is_sent_to_the_backend_is_answered_or_refused_traceably_and_changes_nothing_if_refused()
{
    smoke("backend_http");
}

#[test]
fn a_policy_is_the_same_as_json_and_as_a_struct() {
    smoke("configuration");
}

#[test]
fn a_hostile_writer_of_shared_data_opens_blocks_and_overflows_nothing() {
    smoke("shared_data");
}

#[test]
fn an_assertion_passes_as_it_was_minted_or_not_at_all() {
    smoke("assertion");
}

#[test]
fn keys_come_from_the_origin_of_the_discovery_document() {
    smoke("discovery");
}

#[test]
fn a_reply_is_as_fresh_as_it_says() {
    smoke("reply");
}

#[test]
fn check_answers_whatever_it_is_given() {
    smoke("check");
}

#[test]
fn whatever_is_asked_only_issued_tokens_pass() {
    smoke("request");
}
