//! `portcullis-finish LINKED FINISHED`: for builds without `cargo xtask`, as the images'.
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(linked), Some(finished), None) =
        (arguments.next(), arguments.next(), arguments.next())
    else {
        eprintln!("usage: portcullis-finish LINKED.wasm FINISHED.wasm");
        return ExitCode::FAILURE;
    };
    let done = std::fs::read(&linked)
        .map_err(|error| error.to_string())
        .and_then(|module| portcullis_finish::ship(&module).map_err(|error| error.to_string()))
        .and_then(|module| std::fs::write(&finished, module).map_err(|error| error.to_string()));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}: {error}", linked.display());
            ExitCode::FAILURE
        }
    }
}
