//! `up --detach`, and `down`.
use std::env;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use harness::artifacts::target;
use harness::{Error, Result};
use rustix::process::{Pid, Signal, kill_process};

use super::running::{down, seen};
use super::{Arguments, told_to_end};

const POLL: Duration = Duration::from_millis(50);
/// How long `down` waits before it kills.
const PATIENCE: Duration = Duration::from_secs(30);

/// Starts the process that stays, shows what it says until everything is ready, and leaves it.
pub(super) async fn detach(arguments: &Arguments) -> Result<()> {
    let path = target().join("stacks").join(format!("{}.out", arguments.name));
    let mut child = spawn(&path).map_err(Error::io("start the process that stays"))?;
    let mut said = File::open(&path).map_err(Error::io(format!("read {}", path.display())))?;
    let mut told = told_to_end()?;
    loop {
        let ended = child.try_wait().map_err(Error::io("wait for the process that stays"))?;
        show(&mut said).map_err(Error::io(format!("read {}", path.display())))?;
        if ended.is_some() {
            return Err(Error::Form(format!("it did not start; see above, or {}", path.display())));
        }
        if seen(&arguments.name)?.is_some_and(|mark| mark.pid == child.id() && mark.ready) {
            show(&mut said).map_err(Error::io(format!("read {}", path.display())))?;
            println!(
                "It runs on, and says what it has to in {}.\n`{}` ends it.",
                path.display(),
                down(&arguments.name)
            );
            return Ok(());
        }
        tokio::select! {
            () = tokio::time::sleep(POLL) => {}
            () = &mut told => {
                // it may have ended by itself, which is what is wanted
                let _ = kill_process(Pid::from_child(&child), Signal::TERM);
                child.wait().map_err(Error::io("wait for the process that stays"))?;
                return Ok(());
            }
        }
    }
}

/// Ends what is up under `name`.
pub(super) fn end(name: &str) -> Result<()> {
    let Some(mark) = seen(name)? else {
        println!("nothing is up");
        return Ok(());
    };
    let pid = i32::try_from(mark.pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| Error::Form(format!("{} is no process id", mark.pid)))?;
    let deadline = Instant::now() + PATIENCE;
    let mut signal = Signal::TERM;
    while seen(name)?.is_some() {
        // it may end between the two calls
        let _ = kill_process(pid, signal);
        std::thread::sleep(POLL);
        if Instant::now() >= deadline {
            signal = Signal::KILL;
        }
    }
    println!("ended");
    Ok(())
}

/// The same command, to stay: in a process group of its own, so that the terminal's Ctrl-C does not
/// reach it.
fn spawn(out: &Path) -> std::io::Result<Child> {
    let ours = ["--detach", "--stay"];
    let arguments = env::args_os().skip(1).filter(|argument| ours.iter().all(|it| argument != it));
    let out = File::create(out)?;
    Command::new(env::current_exe()?)
        .args(arguments)
        .arg("--stay")
        .stdin(Stdio::null())
        .stdout(out.try_clone()?)
        .stderr(out)
        .process_group(0)
        .spawn()
}

/// Copies what is new in the file to our own output.
fn show(said: &mut File) -> std::io::Result<()> {
    let mut text = Vec::new();
    said.read_to_end(&mut text)?;
    std::io::stdout().write_all(&text)
}
