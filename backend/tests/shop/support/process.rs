//! The program as an operator starts it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

use super::gateway::{Person, public_jwks};
use super::http::row;

/// Time limit for each wait of a test.
pub const DEADLINE: Duration = Duration::from_secs(30);

pub struct Process {
    child: Child,
    pub address: String,
    pub operations: String,
    log: Arc<Mutex<Vec<String>>>,
}

impl Process {
    /// Starts the program and waits until it listens.
    pub fn start(database_url: &str, arguments: &[&str]) -> Self {
        let keys = public_jwks();
        let keys = if arguments.contains(&"--gateway-jwks-file") {
            vec![]
        } else {
            vec!["--gateway-jwks", &keys]
        };
        let mut child = Command::new(env!("CARGO_BIN_EXE_backend"))
            .args(["--listen", "127.0.0.1:0", "--operations-listen", "127.0.0.1:0"])
            .args(keys)
            .args(arguments)
            .env("DATABASE_URL", database_url)
            .env_remove("RUST_LOG")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = child.stdout.take().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&log);
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                lines.lock().unwrap().push(line);
            }
        });
        let mut process = Self { child, address: String::new(), operations: String::new(), log };
        let listening = process.wait_for_line("\"listening\"");
        process.address = format!("http://{}", listening["listen"].as_str().unwrap());
        process.operations = format!("http://{}", listening["operations"].as_str().unwrap());
        process
    }

    /// Returns the first log line that contains `what`.
    pub fn wait_for_line(&self, what: &str) -> Value {
        let found = || self.log().into_iter().find(|line| line.contains(what));
        let line = wait_for(what, found);
        serde_json::from_str(&line).unwrap()
    }

    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    pub fn request(
        &self,
        client: &Client,
        who: &Person,
        method: Method,
        path: &str,
    ) -> RequestBuilder {
        let assertion = who.assertion(method.as_str(), row(method.as_str(), path));
        client
            .request(method, format!("{}{path}", self.address))
            .header("x-auth-principal", assertion)
    }

    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// Sends SIGKILL.
    pub fn kill(&self) {
        self.signal("-KILL");
    }

    pub fn wait(mut self) -> ExitStatus {
        wait_for("the process to end", || self.child.try_wait().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn wait_for<T>(what: &str, mut poll: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = poll() {
            return found;
        }
        assert!(started.elapsed() < DEADLINE, "timed out waiting for {what}");
        thread::sleep(Duration::from_millis(10));
    }
}
