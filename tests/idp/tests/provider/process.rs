//! The program: its first line, its end, its mistakes, and that it keeps secrets to itself.
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};

use dev_idp::{Control, Ready};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{get, verified};

/// A `dev-idp` process that ends with the test.
struct Program {
    child: Child,
    ready: Ready,
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let mut command = command();
        let mut child =
            command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let ready =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line:?}"));
        Self { child, ready }
    }

    /// Ends it with `signal`: how it ended, and all that it said beside its first line.
    fn end(mut self, signal: Signal) -> (ExitStatus, String) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        let status = self.child.wait().unwrap();
        let mut said = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (status, said)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_dev-idp"))
}

#[tokio::test]
async fn its_first_line_says_where_it_is_and_what_it_is_for() {
    let program = Program::start(&["--listen", "127.0.0.1:0"]);
    let ready = &program.ready;
    assert_eq!(ready.issuer, format!("http://{}", ready.address));
    assert_eq!(ready.warning, "for demos and tests, never for production");
    assert_eq!(ready.control, None);
    assert_eq!(get(&ready.discovery_uri).await["issuer"], ready.issuer);
}

#[tokio::test]
async fn it_is_controlled_from_another_process_if_it_was_asked_to_be() {
    let program = Program::start(&[
        "--listen",
        "127.0.0.1:0",
        "--issuer",
        "http://idp.example/shop",
        "--control",
    ]);
    let control = Control::at(program.ready.control.clone().unwrap());
    assert_eq!(program.ready.jwks_uri, "http://idp.example/shop/jwks");
    let here = format!("http://{}/shop/jwks", program.ready.address);
    let token = control.token("sam").sign().await.unwrap();
    assert_eq!(verified(&here, &token).await.unwrap()["iss"], "http://idp.example/shop");
    assert_eq!(control.counts().await.unwrap().jwks.total, 1);
}

#[test]
fn it_ends_well_on_sigterm_and_on_ctrl_c() {
    for signal in [Signal::TERM, Signal::INT] {
        let (status, _) = Program::start(&["--listen", "127.0.0.1:0"]).end(signal);
        assert!(status.success(), "{signal:?}: {status}");
    }
}

#[tokio::test]
async fn it_says_no_token_and_no_password() {
    let program = Program::start(&["--listen", "127.0.0.1:0", "--control"]);
    let login = [
        ("grant_type", "password"),
        ("client_id", "shop-web"),
        ("username", "alice"),
        ("password", "alice-demo"),
    ];
    let response = reqwest::Client::new()
        .post(&program.ready.token_endpoint)
        .form(&login)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    Control::at(program.ready.control.clone().unwrap()).token("bob").sign().await.unwrap();
    let (_, said) = program.end(Signal::TERM);
    assert_eq!(said, "dev-idp: for demos and tests, never for production\n");
}

#[test]
fn its_help_says_never_for_production() {
    let help = String::from_utf8(command().arg("--help").output().unwrap().stdout).unwrap();
    assert!(help.contains("NEVER FOR PRODUCTION"), "{help}");
}

#[test]
fn a_mistake_is_one_line_and_a_failure() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap().to_string();
    for (arguments, line) in [
        (["--listen", &taken, "--issuer", "http://a"], "dev-idp: cannot listen on 127.0.0.1:"),
        (["--listen", "127.0.0.1:0", "--issuer", "nobody"], "dev-idp: the issuer `nobody` must be"),
        (
            ["--listen", "127.0.0.1:0", "--control", "0.0.0.0:0"],
            "dev-idp: the controls listen on a loopback",
        ),
    ] {
        let output = command().args(arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{said}");
        assert!(said.starts_with(line), "{said}");
        assert!(output.stdout.is_empty());
    }
}
