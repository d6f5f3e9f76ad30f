//! `cargo xtask simulate`: replays one schedule step by step, or runs many.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let numbers: Option<Vec<u64>> = arguments.iter().map(|it| it.parse().ok()).collect();
    let result = match numbers.as_deref() {
        Some([seed]) => simulation::run(*seed, Some(&mut |line| println!("{line}"))),
        Some([first, end]) => simulation::run_all(*first..*end),
        _ => {
            eprintln!("usage: simulation SEED | simulation FIRST END");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(summary) => {
            println!("{summary:?}");
            ExitCode::SUCCESS
        }
        Err(violation) => {
            println!("{violation}");
            ExitCode::FAILURE
        }
    }
}
