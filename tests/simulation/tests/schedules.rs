//! Ten thousand schedules, each from its seed.

#[test]
fn every_rule_holds_in_ten_thousand_schedules() {
    let summary = simulation::run_all(0..10_000).unwrap_or_else(|violation| panic!("{violation}"));
    println!("{summary:?}");
    let each = [summary.allowed, summary.refused, summary.waited, summary.fetches, summary.deaths];
    assert!(each.iter().all(|count| *count > 1_000), "every kind of thing has happened: {summary:?}");
}
