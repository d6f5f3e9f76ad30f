//! Ten thousand schedules, each from its seed.

#[test]
fn every_rule_holds_in_ten_thousand_schedules() {
    let summary = simulation::run_all(0..10_000).unwrap_or_else(|violation| panic!("{violation}"));
    println!("{summary:?}");
    let each = [summary.allowed, summary.refused, summary.waited, summary.fetches, summary.deaths];
    assert!(
        each.iter().all(|count| *count > 1_000),
        "every kind of thing has happened: {summary:?}"
    );
}

/// So that the seed of a failure is all that its replay needs.
#[test]
fn a_seed_always_gives_the_same_steps() {
    let steps = |seed| {
        let mut steps = Vec::new();
        let summary = simulation::run(seed, Some(&mut |step: &str| steps.push(step.to_owned())));
        assert!(summary.is_ok() && steps.len() > 1, "{summary:?}");
        steps
    };
    for seed in 0..200 {
        assert_eq!(steps(seed), steps(seed), "seed {seed}");
    }
}
