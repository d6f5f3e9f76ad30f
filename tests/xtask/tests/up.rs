//! `cargo xtask up` as people run it: what it prints is true, and whatever happens, nothing is left
//! running.
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use harness::artifacts::target;
use harness::ports::Port;
use rustix::process::{Pid, Signal, kill_process};

const PORTS: [&str; 5] = ["gateway", "admin", "idp", "backend", "operations"];

/// The command with ports of its own.
struct Up {
    name: &'static str,
    more: &'static [&'static str],
    ports: Vec<Port>,
}

impl Up {
    fn named(name: &'static str) -> Self {
        Self { name, more: &[], ports: PORTS.iter().map(|_| Port::free().unwrap()).collect() }
    }

    /// With these arguments besides.
    fn told(self, more: &'static [&'static str]) -> Self {
        Self { more, ..self }
    }

    /// `--stay`: what is tested is what has been built already.
    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(["up", "--stay", "--name", self.name]).args(self.more);
        for (port, part) in self.ports.iter().zip(PORTS) {
            command.arg(format!("--{part}-port={}", port.number()));
        }
        command
    }

    fn down(&self) -> Output {
        Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args(["down", "--name", self.name])
            .output()
            .unwrap()
    }

    /// Starts it, and gives what it printed once everything is ready.
    fn ready(&self) -> (Child, String) {
        let mut child = self.command().stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut printed = String::new();
        // the last example
        while !printed.contains("# 404") || !printed.ends_with("\n\n") {
            let line = lines.next().expect("it printed the examples").unwrap();
            printed += &line;
            printed += "\n";
        }
        (child, printed)
    }

    /// Waits until nobody listens on any of its ports: a child that outlived its parent would.
    fn is_gone(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        for port in &self.ports {
            while TcpListener::bind((Ipv4Addr::LOCALHOST, port.number())).is_err() {
                assert!(Instant::now() < deadline, "somebody still listens on {}", port.number());
                std::thread::yield_now();
            }
        }
    }

    /// The ids of the processes whose command line or configuration names this run.
    fn log(&self, part: &str) -> String {
        let mut text = String::new();
        let path = target().join("stacks").join(self.name).join(part);
        File::open(path).unwrap().read_to_string(&mut text).unwrap();
        text
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

#[test]
fn every_printed_line_answers_what_it_says_and_ctrl_c_ends_everything() {
    answers_what_it_says(&Up::named("up-examples"));
}

#[test]
fn with_a_real_keycloak_every_printed_line_answers_what_it_says() {
    answers_what_it_says(&Up::named("up-keycloak").told(&["--keycloak"]));
}

fn answers_what_it_says(up: &Up) {
    let (mut child, printed) = up.ready();
    let token =
        printed.lines().find(|line| line.starts_with("token()")).expect("the function for tokens");
    let mut said = printed.lines().filter(|line| line.starts_with("# ")).skip(1);
    let mut answers = Vec::new();
    for curl in printed.lines().filter(|line| line.starts_with("curl -i")) {
        let script = format!("{token}\n{curl}");
        let output = Command::new("bash").args(["-c", &script]).output().unwrap();
        let answer = String::from_utf8_lossy(&output.stdout).into_owned();
        let status = answer.split(' ').nth(1).unwrap_or_default().to_owned();
        let says = said.next().unwrap();
        assert!(says.starts_with(&format!("# {status}:")), "{says}\n{curl}\n{answer}");
        answers.push(status);
    }
    assert_eq!(answers, ["201", "200", "401", "403", "403", "404"]);
    kill_process(pid(&child), Signal::INT).unwrap();
    assert!(child.wait().unwrap().success());
    up.is_gone();
}

#[test]
fn a_killed_up_leaves_nothing_running() {
    let up = Up::named("up-killed");
    let (mut child, _) = up.ready();
    child.kill().unwrap();
    child.wait().unwrap();
    up.is_gone();
}

#[test]
fn a_part_that_dies_is_named_with_the_end_of_its_log_and_ends_everything() {
    let up = Up::named("up-dying");
    let mut command = up.command();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines
        .find(|line| line.as_ref().unwrap().starts_with("# 404"))
        .expect("it printed the examples")
        .unwrap();
    let backend = child_of(&child, "backend");
    kill_process(backend, Signal::KILL).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(said.contains("error: backend ended (signal: 9 (SIGKILL))"), "{said}");
    assert!(said.contains("up-dying/backend.log:\n  | "), "{said}");
    assert!(!up.log("envoy.log").is_empty());
    up.is_gone();
}

#[test]
fn a_detached_up_gives_the_shell_back_and_down_ends_it() {
    let up = Up::named("up-detached");
    let output = up.command().arg("--detach").output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    let ends = "`cargo xtask down --name up-detached` ends it";
    assert!(printed.contains("# 404") && printed.contains(ends), "{printed}");
    let again = up.command().output().unwrap();
    assert!(!again.status.success());
    let down = up.down();
    assert!(down.status.success() && String::from_utf8_lossy(&down.stdout) == "ended\n");
    up.is_gone();
    assert_eq!(String::from_utf8_lossy(&up.down().stdout), "nothing is up\n");
}

#[test]
fn a_busy_port_is_named_with_its_flag_before_anything_starts() {
    let up = Up::named("up-busy");
    let _busy = TcpListener::bind((Ipv4Addr::LOCALHOST, up.ports[3].number())).unwrap();
    let output = up.command().output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(said.lines().count(), 1, "{said}");
    let port = up.ports[3].number();
    assert!(said.contains(&format!("port {port}")) && said.contains("--backend-port"), "{said}");
    assert!(!Path::new(&target().join("stacks").join(up.name)).exists());
}

#[test]
fn a_name_that_is_no_folder_of_its_own_is_refused_and_writes_nothing() {
    let outside = target().join("x.up");
    for command in ["up", "down"] {
        for name in ["../x", "/tmp/x", "a/b", "..", "", "a b", &"x".repeat(65)] {
            let named = format!("--name={name}");
            let output =
                Command::new(env!("CARGO_BIN_EXE_xtask")).args([command, &named]).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(2), "{command} {named}: {said}");
            assert!(
                said.contains("--name") && said.contains("expected 1 to 64 ASCII letters"),
                "{said}"
            );
        }
    }
    assert!(!outside.exists() && !target().join("stacks/a").exists());
}

/// The child of `parent` that runs `program`.
fn child_of(parent: &Child, program: &str) -> Pid {
    let path = format!("/proc/{0}/task", parent.id());
    for task in std::fs::read_dir(path).unwrap().flatten() {
        let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace() {
            let name = std::fs::read_to_string(format!("/proc/{child}/comm")).unwrap_or_default();
            if name.trim() == program {
                return Pid::from_raw(child.parse().unwrap()).unwrap();
            }
        }
    }
    panic!("{program} is no child of {}", parent.id())
}
