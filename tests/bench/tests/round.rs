//! One round of everything with few requests. It measures nothing: it shows that every request is
//! answered as expected by every gateway, which the run itself sees to, and that all figures are
//! produced.
use bench::plan::{Part, Plan};
use bench::report::Counted;
use bench::targets::{Outcome, Unit};
use clap::ValueEnum as _;

#[test]
fn one_round_answers_as_expected_and_produces_every_figure() {
    let report = bench::run(Plan::smoke(), None).unwrap();

    for part in Part::value_variants() {
        let name = part.name();
        let experiments = || report.experiments.iter().filter(|it| it.name.starts_with(&name));
        let expected = match part {
            Part::Amplification | Part::Counts | Part::Memory | Part::Start | Part::Fetches => 0,
            Part::Providers => 1,
            // hot and cold, ten rows and all, or one worker and two
            _ => 2,
        };
        assert_eq!(experiments().count(), expected, "{name}");
        assert!(experiments().flat_map(|it| &it.cells).all(|cell| cell.cpu.median > 0.0), "{name}");
    }
    let amplification = report.amplification.as_ref().expect("a table");
    assert!(amplification.kinds.len() > 60 && amplification.backend.len() > 5, "{amplification:?}");
    let rows = || amplification.kinds.iter().chain(&amplification.backend);
    assert!(rows().all(|kind| kind.cpu.median > 0.0 && kind.all.median > 0.0), "{amplification:?}");
    let unjudged: Vec<_> = rows().filter(|kind| !kind.judged).map(|kind| &*kind.name).collect();
    assert!(
        unjudged.iter().all(|name| name.starts_with("bad ") || name.starts_with("signed ")),
        "{unjudged:?}"
    );
    let counted: Vec<_> = report.counts.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(counted, ["hot", "no-token"]);
    for counts in &report.counts {
        let more = |it: &Counted| {
            it.all.median > 0.0 && it.net.is_none_or(|net| net.median < it.all.median)
        };
        assert!(counts.cells.len() > 4, "{counts:?}");
        assert!(
            counts.cells.iter().all(|it| more(&it.instructions) && more(&it.misses)),
            "{counts:?}"
        );
    }
    assert_eq!(report.memory.len(), 2);
    for memory in &report.memory {
        assert!(
            memory.linear_bytes >= memory.linear_bytes_before && memory.linear_bytes_before > 0,
            "{memory:?}"
        );
        assert!(memory.vms >= 2 && memory.linear_bytes.is_multiple_of(65_536), "{memory:?}");
    }
    assert_eq!(report.starts.len(), 4);
    assert_eq!(report.fetches.len(), report.plan.fetching_workers.len());
    assert!(report.fetches.iter().all(|it| it.refreshes > 1 && it.fetches >= it.refreshes));
    // instructions of some kinds of request only: callgrind is slow
    let unmeasured = report.targets.iter().filter(|it| it.outcome == Outcome::NotMeasured);
    let unmeasured: Vec<_> = unmeasured.map(|it| it.figure.as_str()).collect();
    assert!(
        unmeasured.len() == 5 && unmeasured.iter().all(|figure| figure.contains(", instructions")),
        "{unmeasured:?}"
    );
    assert_eq!(report.targets.iter().filter(|it| it.unit != Unit::Ratio).count(), 5);

    let folder = harness::folder::Folder::empty("bench-report").unwrap();
    let files = report.write(folder.path()).unwrap();
    assert_eq!(files, ["bench.json", "bench.md", "cost.svg", "rows.svg", "providers.svg"]);
    let json = std::fs::read_to_string(folder.join("bench.json")).unwrap();
    assert!(json.contains("\"net_us\"") && report.tables().contains("Figures to reach"));
    for plot in &files[2..] {
        let svg = std::fs::read_to_string(folder.join(plot)).unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("Portcullis, headers"), "{plot}");
    }
}
