//! No child outlives us, however we end.
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, fs, thread};

use harness::process::{Launch, eventually};
use harness::{Error, Result};

fn log(name: &str) -> PathBuf {
    let folder = harness::artifacts::target().join("stacks");
    fs::create_dir_all(&folder).unwrap();
    folder.join(format!("{name}.log"))
}

fn runs(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

#[tokio::test]
async fn a_child_that_ends_is_named_with_the_end_of_its_log() -> Result<()> {
    let launch = Launch::new("the child", "/bin/sh").args(["-c", "echo no such luck >&2; exit 3"]);
    let mut child = launch.start(&log("ends"))?;
    let error = child.ready(Duration::from_secs(10), async || false).await.unwrap_err();
    assert!(matches!(error, Error::Died { .. }));
    let said = error.to_string();
    assert!(
        said.contains("the child ended (exit status: 3)") && said.contains("| no such luck"),
        "{said}"
    );
    Ok(())
}

#[test]
fn a_child_outlives_the_thread_that_asked_for_it_and_ends_when_dropped() -> Result<()> {
    let launch = Launch::new("sleep", "/bin/sleep").arg("600");
    let mut child = thread::spawn(move || launch.start(&log("thread"))).join().unwrap()?;
    child.alive()?;
    let pid = child.pid();
    assert!(runs(pid));
    drop(child);
    assert!(!runs(pid));
    Ok(())
}

#[test]
fn a_child_that_ignores_the_request_to_end_is_killed_with_what_it_started() -> Result<()> {
    let log = log("stubborn");
    let script = "trap '' TERM; sleep 600 & echo $!; while :; do wait; done";
    let _ = fs::remove_file(&log);
    let mut child = Launch::new("stubborn", "/bin/sh").args(["-c", script]).start(&log)?;
    let grandchild = loop {
        if let Ok(pid) = child.log().text().trim().parse::<u32>() {
            break pid;
        }
        child.alive()?;
        thread::yield_now();
    };
    child.stop(Duration::from_millis(100));
    // a killed orphan is gone for good once init has read its end
    while runs(grandchild) && !state(grandchild).starts_with('Z') {
        thread::yield_now();
    }
    Ok(())
}

fn state(pid: u32) -> String {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().unwrap_or_default().to_owned()
}

/// Run by the next test in a process of its own: starts a child, says its id, and waits.
#[test]
#[ignore = "a part of no_child_outlives_a_parent_that_is_killed"]
fn parent() {
    let child = Launch::new("sleep", "/bin/sleep").arg("600").start(&log("orphan")).unwrap();
    println!("child {}", child.pid());
    loop {
        thread::park();
    }
}

#[tokio::test]
async fn no_child_outlives_a_parent_that_is_killed() -> Result<()> {
    let mut parent = Command::new(env::current_exe().unwrap());
    parent.args(["--exact", "parent", "--ignored", "--nocapture"]).stdout(Stdio::piped());
    let mut parent = parent.spawn().unwrap();
    let lines = BufReader::new(parent.stdout.take().unwrap()).lines();
    let said = lines
        .map_while(std::result::Result::ok)
        .find_map(|line| line.rsplit_once("child ").and_then(|(_, pid)| pid.parse::<u32>().ok()));
    let child = said.expect("the parent said its child's id");
    assert!(runs(child));
    parent.kill().unwrap();
    parent.wait().unwrap();
    let gone = async || (!runs(child) || state(child).starts_with('Z')).then_some(());
    eventually("the end of the child", Duration::from_secs(10), gone).await
}
