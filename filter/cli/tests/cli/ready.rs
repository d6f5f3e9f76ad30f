//! `ready`: what an admin interface says, told for people, for programs and for GitHub.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use serde_json::{Value, json};

use crate::support::{Folder, Said};

const POLICY: &str = "wasmcustom.portcullis.policy_workers;hash=0f: 3\n";

/// An admin interface that says this, until the test ends.
fn admin(ready: (u16, &'static str), stats: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
            let (code, body) = if head.starts_with("GET /ready ") { ready } else { (200, &*stats) };
            write!(stream, "HTTP/1.1 {code} X\r\nconnection: close\r\n\r\n{body}").unwrap();
        }
    });
    address
}

fn asked(admin: SocketAddr, format: &str) -> Said {
    Folder::of(&[]).run(&["ready", "--admin", &admin.to_string(), "--format", format])
}

#[test]
fn what_a_gateway_is_is_told_in_every_format() {
    let keys =
        |of: &str, count| format!("wasmcustom.portcullis.keys_usable;provider={of}: {count}\n");
    for (ready, stats, code, message, without, command) in [
        ((200, "LIVE\n"), POLICY.to_owned() + &keys("a", 2), 0, "ready", json!([]), "notice"),
        (
            (200, "LIVE\n"),
            POLICY.to_owned() + &keys("a", 0) + &keys("b", 1),
            0,
            "ready, but without keys of a",
            json!(["a"]),
            "warning",
        ),
        (
            (200, "LIVE\n"),
            POLICY.to_owned() + &keys("a", 0) + &keys("b", 0),
            2,
            "no keys yet: a, b",
            json!(["a", "b"]),
            "error",
        ),
        ((200, "LIVE\n"), String::new(), 2, "no policy has been taken", json!([]), "error"),
        (
            (503, "INITIALIZING\n"),
            POLICY.to_owned(),
            2,
            "Envoy says INITIALIZING",
            json!([]),
            "error",
        ),
    ] {
        let admin = admin(ready, stats);
        let said = ["human", "json", "github"].map(|format| asked(admin, format));
        assert!(said.iter().all(|said| said.code == code && said.stderr.is_empty()), "{said:?}");
        let [human, json, github] = said.map(|said| said.stdout);
        assert_eq!(human, format!("{message}\n"));
        let expected = json!({ "ready": code == 0, "message": message, "without_keys": without });
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), expected);
        assert_eq!(github, format!("::{command} title=ready::{message}\n"));
    }
}

#[test]
fn who_cannot_be_asked_is_neither_ready_nor_not() {
    let nobody: SocketAddr = "127.0.0.1:1".parse().unwrap();
    for (format, begins) in
        [("human", "error: no answer from"), ("json", "{"), ("github", "::error title=run::")]
    {
        let said = asked(nobody, format);
        assert_eq!((said.code, &*said.stdout), (1, ""), "{said}");
        assert!(said.stderr.starts_with(begins) && said.stderr.contains("`--admin`"), "{said}");
    }
}
