//! The simulation has teeth: faults are planted in a copy of the engine, one build with all of them
//! behind a switch, and each is found by the rule that it breaks.
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A fault: the file of the engine, the sound code, the faulty code, and the rules one of which
/// must find it.
struct Fault {
    name: &'static str,
    file: &'static str,
    sound: &'static str,
    faulty: &'static str,
    rules: &'static [&'static str],
}

const FAULTS: &[Fault] = &[
    Fault {
        name: "a lease is not given back",
        file: "worker/fetcher.rs",
        sound: "if lease.in_flight_until != leased_until {",
        faulty: "if PLANTED || lease.in_flight_until != leased_until {",
        rules: &["LeaseKept"],
    },
    Fault {
        name: "a lease of another worker is given back",
        file: "worker/fetcher.rs",
        sound: "if lease.in_flight_until != leased_until {",
        faulty: "if !PLANTED && lease.in_flight_until != leased_until {",
        rules: &["ConcurrentFetches"],
    },
    Fault {
        name: "the lease of a worker that died lasts",
        file: "jwks_refresh/lease.rs",
        sound: "Ok(Self { in_flight_until: now.plus(timeout), ..self })",
        faulty: "Ok(Self { in_flight_until: now.plus(timeout * if PLANTED { 50 } else { 1 }), ..self })",
        rules: &["NoRecovery", "LeaseKept"],
    },
    Fault {
        name: "a lease is taken that another worker holds",
        file: "jwks_refresh/lease.rs",
        sound: "if now < self.in_flight_until { Err(Denied::InFlight) } else { Ok(()) }",
        faulty: "if !PLANTED && now < self.in_flight_until { Err(Denied::InFlight) } else { Ok(()) }",
        rules: &["ConcurrentFetches"],
    },
    Fault {
        name: "a MAC is not checked",
        file: "jwks_refresh/shared_entry.rs",
        sound: "self.mac(name, content).verify_slice(mac).ok().map(|()| content)",
        faulty: "if PLANTED { Some(content) } else { self.mac(name, content).verify_slice(mac).ok().map(|()| content) }",
        rules: &["PassedWithoutKey", "HonestRefused", "StaleKeys"],
    },
    Fault {
        name: "everything is shadowed",
        file: "authorizer.rs",
        sound: "mode.shadows(now.wall)",
        faulty: "(PLANTED || mode.shadows(now.wall))",
        rules: &["Mode"],
    },
    Fault {
        name: "the mode is not applied where a wait ends",
        file: "worker/mod.rs",
        sound: "match apply_mode(self.authorizer.policy(), trace, reason, now) {",
        faulty: "match if PLANTED { Decision::Refuse(reason) } else { apply_mode(self.authorizer.policy(), trace, reason, now) } {",
        rules: &["Mode"],
    },
    Fault {
        name: "an unknown key id is refused before a fetch looked for it",
        file: "authn/key_store.rs",
        sound: "loaded.started_at.is_none_or(|started_at| started_at > arrived)",
        faulty: "PLANTED || loaded.started_at.is_none_or(|started_at| started_at > arrived)",
        rules: &["HonestRefused"],
    },
    Fault {
        name: "a batch is not bounded",
        file: "worker/wait_queue.rs",
        sound: "self.ready.len().min(BATCH)",
        faulty: "self.ready.len().min(if PLANTED { usize::MAX } else { BATCH })",
        rules: &["LargeBatch"],
    },
    Fault {
        name: "a cache entry outlives its key",
        file: "authn/token_cache.rs",
        sound: "if entry.verified.key.is_withdrawn() {",
        faulty: "if !PLANTED && entry.verified.key.is_withdrawn() {",
        rules: &["PassedWithoutKey"],
    },
    Fault {
        name: "the queue is not bounded",
        file: "worker/wait_queue.rs",
        sound: "let has_room =",
        faulty: "let has_room = PLANTED ||",
        rules: &["Unbounded"],
    },
    Fault {
        name: "a stream that has ended stays in the queue",
        file: "worker/wait_queue.rs",
        sound: "self.waiting.retain(|waiter| waiter.stream != stream);",
        faulty: "self.waiting.retain(|waiter| PLANTED || waiter.stream != stream);",
        rules: &["Unbounded"],
    },
    Fault {
        name: "a wait has no end",
        file: "worker/wait_queue.rs",
        sound: "|waiter| now >= waiter.until",
        faulty: "|waiter| !PLANTED && now >= waiter.until",
        rules: &["EndlessWait"],
    },
    Fault {
        name: "requests are not woken when keys come",
        file: "worker/wait_queue.rs",
        sound: "|waiter| waiter.provider == provider",
        faulty: "|waiter| !PLANTED && waiter.provider == provider",
        rules: &["NotWoken"],
    },
    Fault {
        name: "ready requests beyond the batch are forgotten until the next second",
        file: "worker/mod.rs",
        sound: "effects.ready = self.queue.next_batch();",
        faulty: "if !PLANTED { effects.ready = self.queue.next_batch(); }",
        rules: &["EndlessWait"],
    },
    Fault {
        name: "stale keys are used",
        file: "authn/key_store.rs",
        sound: "Some(started_at) if now.since(started_at) >= provider.key_times.max_stale => {",
        faulty: "Some(started_at) if !PLANTED && now.since(started_at) >= provider.key_times.max_stale => {",
        rules: &["StaleKeys"],
    },
    Fault {
        name: "on-demand fetches are not limited",
        file: "jwks_refresh/lease.rs",
        sound: "if self.last_on_demand != Monotonic::default() && now < next {",
        faulty: "if !PLANTED && self.last_on_demand != Monotonic::default() && now < next {",
        rules: &["TooManyFetches"],
    },
    Fault {
        name: "there is no backoff after a failure",
        file: "jwks_refresh/lease.rs",
        sound: "if now < self.not_before {",
        faulty: "if !PLANTED && now < self.not_before {",
        rules: &["TooManyFetches"],
    },
    Fault {
        name: "the next refresh is due at once",
        file: "worker/fetcher.rs",
        sound: "self.due = record.started_at.plus(after);",
        faulty: "self.due = if PLANTED { record.started_at } else { record.started_at.plus(after) };",
        rules: &["TooManyFetches"],
    },
    Fault {
        name: "what was fetched is not shared",
        file: "worker/fetcher.rs",
        sound: "environment.share(&self.names.record, &entry);",
        faulty: "if !PLANTED { environment.share(&self.names.record, &entry); }",
        rules: &["NoRecovery", "TooManyFetches", "FaultForClient"],
    },
    Fault {
        name: "clients with unknown key ids cause 5xx",
        file: "worker/mod.rs",
        sound: "// any client can fill these places, so a full queue is not a fault of the gateway\n",
        faulty: "if PLANTED { return Err((Reason::QueueFull, None)) }\n",
        rules: &["FaultForClient"],
    },
    Fault {
        name: "an ended token passes",
        file: "authn/claims.rs",
        sound: "if now >= self.expires.plus(leeway) {",
        faulty: "if !PLANTED && now >= self.expires.plus(leeway) {",
        rules: &["PassedWithoutKey"],
    },
];

/// Schedules within which each must be found.
const SCHEDULES: &str = "2000";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Copies the Rust files and manifests below a folder.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// A workspace of the engine, with all faults planted, and the simulation.
fn planted(folder: &Path) {
    let root = root();
    for member in ["filter/engine", "filter/principal", "tests/corpus", "tests/simulation"] {
        copy(&root.join(member), &folder.join(member));
    }
    for file in ["Cargo.lock", "rust-toolchain.toml"] {
        fs::copy(root.join(file), folder.join(file)).unwrap();
    }
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let (_, rest) = manifest.split_once("[workspace.package]").unwrap();
    let members = r#"["filter/engine", "filter/principal", "tests/corpus", "tests/simulation"]"#;
    let profiles = rest.split_once("# The load generator").map_or(rest, |(before, _)| before);
    let own = |line: &&str| {
        let path = line.split_once("path = \"").and_then(|(_, rest)| rest.split_once('"'));
        path.is_none_or(|(path, _)| folder.join(path).exists())
    };
    let kept: Vec<_> = profiles.lines().filter(own).collect();
    let manifest = format!(
        "[workspace]\nresolver = \"3\"\nmembers = {members}\n\n[workspace.package]{}\n",
        kept.join("\n")
    );
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();

    let source = folder.join("filter/engine/src");
    for (number, fault) in FAULTS.iter().enumerate() {
        let path = source.join(fault.file);
        let text = fs::read_to_string(&path).unwrap();
        let faulty = fault.faulty.replace("PLANTED", &format!("crate::is_planted({number})"));
        // faults of one place build on each other
        let sound = fault.sound.strip_prefix("if ").unwrap_or(fault.sound);
        let faulty = faulty
            .strip_prefix("if ")
            .filter(|_| fault.sound.starts_with("if "))
            .unwrap_or(&faulty);
        assert!(
            text.contains(sound),
            "{}: {} does not have `{sound}` any more",
            fault.name,
            fault.file
        );
        fs::write(&path, text.replacen(sound, faulty, 1)).unwrap();
    }
    let library = source.join("lib.rs");
    let text = fs::read_to_string(&library).unwrap();
    let switch = "
        pub(crate) fn is_planted(number: u32) -> bool {
            static FAULT: std::sync::OnceLock<Option<u32>> = std::sync::OnceLock::new();
            *FAULT.get_or_init(|| std::env::var(\"PLANTED_FAULT\").ok()?.parse().ok()) == Some(number)
        }";
    fs::write(library, text + switch).unwrap();
}

#[test]
fn every_planted_fault_is_found_by_its_rule() {
    let folder = tempfile::tempdir().unwrap();
    planted(folder.path());
    let cargo = |arguments: &[&str]| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(folder.path()).args(arguments);
        cargo.env("CARGO_TARGET_DIR", root().join("target/planted"));
        cargo
    };
    let built = cargo(&["build", "--package", "simulation"]).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let mut unfound = Vec::new();
    for number in std::iter::once(None).chain((0..FAULTS.len()).map(Some)) {
        let mut simulation = Command::new(root().join("target/planted/debug/simulation"));
        let schedules = if number.is_some() { SCHEDULES } else { "100" };
        simulation
            .args(["0", schedules])
            .env("PLANTED_FAULT", number.map_or_else(String::new, |it| it.to_string()));
        let found = simulation.output().unwrap();
        let text = String::from_utf8_lossy(&found.stdout).into_owned();
        match number {
            None => assert!(found.status.success(), "without a fault: {text}"),
            Some(number) => {
                let fault = &FAULTS[number];
                let by_rule =
                    fault.rules.iter().any(|rule| text.contains(&format!(": {rule} at ")));
                println!("{}: {}", fault.name, text.trim());
                if found.status.success() || !by_rule {
                    unfound.push(format!("{}: {text}", fault.name));
                }
            }
        }
    }
    assert!(unfound.is_empty(), "{unfound:#?}");
}
