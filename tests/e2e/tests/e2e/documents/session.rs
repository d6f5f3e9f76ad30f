//! Console blocks: the commands are run in a folder with `portcullis` on the PATH, and what they
//! say is compared with what the document says. `…` in a line stands for any text, a line of `…`
//! for any lines; of the headers that `curl -i` shows, a document may leave some out. A command
//! that fails fails the test, unless the next one is `echo $?`.
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use harness::folder::Folder;
use harness::process::{Launch, Process};
use harness::{artifacts, tools};

use super::blocks::Block;

/// Compiling the plugin on a busy machine takes its time.
const READY: Duration = Duration::from_mins(1);

/// A shell in a folder.
pub(super) struct Session {
    pub(super) folder: Folder,
    /// What the documents call something, and what it is called here.
    pub(super) places: Vec<(String, String)>,
    pub(super) env: Vec<(String, String)>,
}

/// A command, and what the document says that comes of it.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) command: String,
    said: Vec<String>,
}

/// The commands of a block.
pub(super) fn steps(block: &Block) -> Vec<Step> {
    let mut steps = Vec::<Step>::new();
    for line in block.text.lines() {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => {
                steps.push(Step { command: command.to_owned(), said: Vec::new() });
            }
            (None, Some(step)) if step.command.ends_with('\\') => {
                step.command.push('\n');
                step.command.push_str(line);
            }
            (None, Some(step)) => step.said.push(line.to_owned()),
            (None, None) => panic!("{block} does not begin with a command"),
        }
    }
    steps
}

impl Session {
    /// A new one. `envoy` and `portcullis` are on its PATH.
    pub(super) fn new(name: &str) -> Self {
        let missing = tools::missing_packages();
        for needed in ["curl", "jq"] {
            assert!(
                !missing.contains(&needed),
                "the documents call {needed}: apt-get install {needed}"
            );
        }
        let folder = Folder::empty(name).expect("a folder");
        fs::create_dir(folder.join("bin")).expect("a folder");
        fs::write(folder.join(".curlrc"), "silent\nshow-error\n").expect("a file");
        let session = Self { folder, places: Vec::new(), env: Vec::new() };
        let portcullis = artifacts::binary("portcullis").expect("the command line");
        session.program("portcullis", &format!(
            "[ \"$1\" = ready ] && shift && exec {0} ready --admin 127.0.0.1:${{ADMIN:-9901}} \"$@\"\nexec {0} \"$@\"",
            portcullis.display()
        ));
        let envoy = tools::envoy().expect("Envoy");
        // others run beside it
        session.program(
            "envoy",
            &format!("exec {} \"$@\" --disable-hot-restart --concurrency 2", envoy.display()),
        );
        session
    }

    /// Puts a script on the PATH.
    pub(super) fn program(&self, name: &str, script: &str) {
        let path = self.folder.join("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a script");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a script");
    }

    fn path(&self) -> String {
        let rest = std::env::var("PATH").unwrap_or_default();
        format!("{}:{rest}", self.folder.join("bin").display())
    }

    /// The command as it is run here.
    fn here(&self, command: &str) -> String {
        self.places.iter().fold(command.to_owned(), |text, (from, to)| text.replace(from, to))
    }

    /// Runs the commands of a block.
    pub(super) fn run(&self, block: &Block) {
        let steps = steps(block);
        let mut last = 0;
        for (index, step) in steps.iter().enumerate() {
            last = self.step(block, step, last);
            let asked = steps.get(index + 1).is_some_and(|next| next.command == "echo $?");
            assert!(last == 0 || asked, "{block}: `{}` ended with {last}", step.command);
        }
    }

    /// Runs one command; `last` is how the one before ended.
    pub(super) fn step(&self, block: &Block, step: &Step, last: i32) -> i32 {
        let deadline = Instant::now() + READY;
        loop {
            let (status, said) = self.shell(&step.command, last);
            // as a person would, until Envoy is there
            if step.command == "portcullis ready" && status != 0 && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(200));
                continue;
            }
            let lines: Vec<_> = said.lines().map(str::trim_end).collect();
            let expected: Vec<_> = step.said.iter().map(|line| line.trim_end()).collect();
            let some = step.command.contains("curl -i ");
            let expected =
                if some { expected.join("\n…\n") + "\n…" } else { expected.join("\n") };
            let expected: Vec<_> = expected.lines().collect();
            assert!(fits(&expected, &lines), "{block}: `{}` says\n{said}", step.command);
            return status;
        }
    }

    /// What a command says.
    pub(super) fn output(&self, command: &str) -> String {
        self.shell(command, 0).1
    }

    fn shell(&self, command: &str, last: i32) -> (i32, String) {
        let script = format!("exec 2>&1\n(exit {last})\n{}", self.here(command));
        let mut shell = Command::new("bash");
        shell.args(["-c", &script]).current_dir(self.folder.path()).env("PATH", self.path());
        shell
            .env("HOME", self.folder.path())
            .env_remove("RUST_BACKTRACE")
            .envs(self.env.iter().cloned());
        let output = shell.output().expect("bash");
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Starts what a document starts in a terminal of its own.
    pub(super) fn start(&self, command: &str) -> Process {
        let script = format!(
            "cd {} && {}",
            self.folder.path().display(),
            command.replace("envoy --", "exec envoy --")
        );
        let launch =
            Launch::new("envoy", "/bin/bash").args(["-c", &script]).env("PATH", self.path());
        launch.start(&self.log()).expect("Envoy starts")
    }

    /// What was started writes here.
    pub(super) fn log(&self) -> PathBuf {
        self.folder.join("envoy.log")
    }

    /// Writes a file that a document shows.
    pub(super) fn write(&self, name: &str, text: &str) {
        let name = Path::new(name);
        assert!(name.components().count() == 1, "{} is a name", name.display());
        fs::write(self.folder.path().join(name), text).expect("a file");
    }
}

/// Whether the lines are those that were expected.
fn fits(expected: &[&str], lines: &[&str]) -> bool {
    match (expected.split_first(), lines.split_first()) {
        (None, None) => true,
        (Some((&"…", rest)), _) => (0..=lines.len()).any(|skipped| fits(rest, &lines[skipped..])),
        (Some((first, expected)), Some((line, lines))) => {
            line_fits(first, line) && fits(expected, lines)
        }
        _ => false,
    }
}

fn line_fits(expected: &str, line: &str) -> bool {
    let Some((start, rest)) = expected.split_once('…') else { return expected == line };
    let Some(line) = line.strip_prefix(start) else { return false };
    (0..=line.len()).filter(|at| line.is_char_boundary(*at)).any(|at| line_fits(rest, &line[at..]))
}

#[test]
fn three_dots_stand_for_any_text_and_a_line_of_them_for_any_lines() {
    for (expected, said, right) in [
        ("a\nb", "a\nb", true),
        ("a", "a\nb", false),
        ("a\n…", "a\nb\nc", true),
        ("…\nc", "a\nb\nc", true),
        ("key …", "key x", true),
        ("key … and …!", "key x and y!", true),
        ("key …!", "key x", false),
        ("", "a", false),
    ] {
        let [expected, lines] = [expected, said].map(|text| text.lines().collect::<Vec<_>>());
        assert_eq!(fits(&expected, &lines), right, "{expected:?} {lines:?}");
    }
}
