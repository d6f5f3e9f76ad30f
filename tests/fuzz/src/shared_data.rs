//! Shared data under a hostile writer: honest workers keep leases, records and reports there, and a
//! writer without their key writes arbitrary bytes, replays included.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::time::Duration;

use arbitrary::{Result, Unstructured};
use portcullis_engine::authorizer::Authorizer;
use portcullis_engine::clock::Monotonic;
use portcullis_engine::jose::jwks::KeySet;
use portcullis_engine::jose::signature::RUST_CRYPTO;
use portcullis_engine::jwks_refresh::lease::{LONGEST, Lease};
use portcullis_engine::jwks_refresh::schedule::{backoff, next_refresh};
use portcullis_engine::jwks_refresh::shared_entry::MacKey;
use portcullis_engine::jwks_refresh::shared_entry::Record;
use portcullis_engine::policy::{Policy, ProviderId};
use portcullis_engine::worker::{STALE_AFTER, Totals, WorkerReport, WorkerStats};

/// Two providers' entries: a name for each, and the form of what is kept there.
const NAMES: [&str; 4] =
    ["portcullis.record.a", "portcullis.lease.a", "portcullis.record.b", "portcullis.lease.b"];
const RECORDS: [usize; 2] = [0, 2];
const LEASES: [usize; 2] = [1, 3];
/// Of the story.
const STEPS: usize = 32;
/// As a policy may say them, in seconds: `timeout` for two calls and what is added;
/// `unknown_kid_interval`.
const TIMEOUTS: [u64; 3] = [3, 12, 602];
const INTERVALS: [u64; 3] = [1, 30, 3600];
const REFRESH: Duration = Duration::from_mins(5);

thread_local! {
    /// What workers fetch: small keys, so that reading them takes no longer than the rest.
    static DOCUMENTS: [Vec<u8>; 3] = ["other", "no-kid", "twins"].map(|set| corpus::jwks(set).to_string().into_bytes());
}

/// What the workers and the other plugin share.
struct World {
    now: Monotonic,
    entries: HashMap<&'static str, Vec<u8>>,
    places: Vec<Vec<u8>>,
    /// What honest workers sealed, and under which name.
    sealed: HashSet<(&'static str, Vec<u8>)>,
    /// The same, in order, for replays.
    past: Vec<Vec<u8>>,
    key: MacKey,
    authorizer: Authorizer,
    provider: ProviderId,
    /// The entry that was read last: a worker looks at each once.
    read: Vec<u8>,
}

/// Each step changes something; after each, what must hold does.
pub fn shared_data(input: &[u8]) {
    thread_local! {
        static POLICY: (Rc<Policy>, ProviderId) = crate::jwks::fetched();
    }
    as_forms(input);
    let (policy, provider) = POLICY.with(Clone::clone);
    let mut world = World {
        now: Monotonic(1_000_000_000_000),
        entries: HashMap::new(),
        places: vec![Vec::new(); 3],
        sealed: HashSet::new(),
        past: Vec::new(),
        key: MacKey::new([7; 32]),
        authorizer: Authorizer::new(policy, RUST_CRYPTO),
        provider,
        read: Vec::new(),
    };
    let mut u = Unstructured::new(input);
    for _ in 0..STEPS {
        if u.is_empty() || world.step(&mut u).is_err() {
            return;
        }
        world.holds();
    }
}

/// Bytes that are a record, a lease or a report are the only bytes of it.
fn as_forms(bytes: &[u8]) {
    let now = Monotonic(1_000_000_000_000);
    if let Some(record) = Record::decode(bytes) {
        assert_eq!(record.encode(), bytes);
        let next = next_refresh(REFRESH, record.fresh_for, record.started_at.0);
        assert!(next <= REFRESH && next >= Duration::from_millis(4_500), "{next:?}");
    }
    if let Some(lease) = Lease::decode(bytes, now) {
        assert_eq!(lease.encode(), bytes);
        is_bounded(lease, now);
    }
    if let Some(report) = WorkerReport::decode(bytes) {
        assert_eq!(report.encode(), bytes);
        assert!(report.policy.bytes().all(|b| b.is_ascii_hexdigit()) && report.policy.len() <= 64);
    }
}

/// A worker may fetch once the longest possible lease has expired, whatever the stored lease says.
fn is_bounded(lease: Lease, now: Monotonic) {
    let later = now.plus(LONGEST);
    assert!(lease.refresh(later, Duration::from_secs(5)).is_ok(), "{lease:?} at {now:?}");
    for seconds in INTERVALS {
        let interval = Duration::from_secs(seconds);
        assert!(
            lease.on_demand(later.plus(interval), REFRESH, interval).is_ok(),
            "{lease:?} at {now:?}"
        );
    }
    let failed = lease.failed(now.plus(backoff(lease.failures.saturating_add(1), REFRESH, now.0)));
    assert!(
        failed.refresh(now.plus(Duration::from_secs(30)), REFRESH).is_ok(),
        "{failed:?} at {now:?}"
    );
}

impl World {
    fn step(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        match u.arbitrary::<u8>()? % 9 {
            0 => {
                self.now =
                    self.now.plus(Duration::from_millis(u64::from(u.arbitrary::<u16>()?) * 20));
            }
            1 => self.take(u)?,
            2 => self.give_back(u)?,
            3 => self.store(u)?,
            // from here on the hostile one
            4 => {
                let (name, bytes) = (Self::name(u)?, some(u)?);
                self.entries.insert(name, bytes);
            }
            5 => {
                let (name, number) = (Self::name(u)?, usize::from(u.arbitrary::<u8>()?));
                if let Some(past) = self.past.get(number % self.past.len().max(1)) {
                    self.entries.insert(name, past.clone());
                }
            }
            6 => {
                let (name, at, bit) =
                    (Self::name(u)?, usize::from(u.arbitrary::<u16>()?), u.arbitrary::<u8>()?);
                if let Some(entry) = self.entries.get_mut(name).filter(|entry| !entry.is_empty()) {
                    let at = at % entry.len();
                    entry[at] ^= 1 << (bit % 8);
                }
            }
            7 => {
                let (name, content) = (Self::name(u)?, some(u)?);
                self.entries.insert(name, MacKey::new([8; 32]).seal(name, &content));
            }
            _ => self.say(u)?,
        }
        Ok(())
    }

    fn name(u: &mut Unstructured<'_>) -> Result<&'static str> {
        Ok(NAMES[usize::from(u.arbitrary::<u8>()?) % NAMES.len()])
    }

    fn seal(&mut self, name: &'static str, content: &[u8]) {
        let entry = self.key.seal(name, content);
        self.sealed.insert((name, entry.clone()));
        self.past.push(entry.clone());
        self.entries.insert(name, entry);
    }

    /// What an honest worker reads.
    fn open(&self, name: &str) -> Option<&[u8]> {
        self.key.open(name, self.entries.get(name)?)
    }

    fn lease(&self, name: &str) -> Lease {
        self.open(name).and_then(|content| Lease::decode(content, self.now)).unwrap_or_default()
    }

    /// An honest worker takes the lease, if it may.
    fn take(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let name = NAMES[LEASES[usize::from(u.arbitrary::<bool>()?)]];
        let seconds =
            |from: [u64; 3], at: u8| Duration::from_secs(from[usize::from(at) % from.len()]);
        let (timeout, interval) =
            (seconds(TIMEOUTS, u.arbitrary()?), seconds(INTERVALS, u.arbitrary()?));
        let lease = self.lease(name);
        let taken = if u.arbitrary()? {
            lease.on_demand(self.now, timeout, interval)
        } else {
            lease.refresh(self.now, timeout)
        };
        if let Ok(taken) = taken {
            self.seal(name, &taken.encode());
            // the other workers see it, and do not fetch, too
            assert_eq!(self.lease(name), taken);
            assert!(self.lease(name).refresh(self.now, timeout).is_err());
        }
        Ok(())
    }

    fn give_back(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let name = NAMES[LEASES[usize::from(u.arbitrary::<bool>()?)]];
        let lease = self.lease(name);
        let given = if u.arbitrary()? {
            lease.succeeded()
        } else {
            let wait =
                backoff(lease.failures.saturating_add(1), REFRESH, u.arbitrary::<u16>()?.into());
            lease.failed(self.now.plus(wait))
        };
        self.seal(name, &given.encode());
        assert_eq!(self.lease(name), given);
        Ok(())
    }

    /// An honest worker stores what it fetched.
    fn store(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let name = NAMES[RECORDS[usize::from(u.arbitrary::<bool>()?)]];
        let number = usize::from(u.arbitrary::<u8>()?);
        let jwks = DOCUMENTS.with(|documents| documents[number % documents.len()].clone());
        let record = Record { started_at: self.now, fresh_for: u.arbitrary()?, jwks };
        // `u32::MAX` stands for `None`
        let record =
            Record { fresh_for: record.fresh_for.filter(|seconds| *seconds != u32::MAX), ..record };
        self.seal(name, &record.encode());
        assert_eq!(self.open(name).and_then(Record::decode), Some(record));
        Ok(())
    }

    /// Writes a report, which is not authenticated.
    fn say(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let place = usize::from(u.arbitrary::<u8>()?) % self.places.len();
        let stats = |u: &mut Unstructured<'_>| {
            Ok(WorkerStats {
                waiting: u.arbitrary()?,
                tokens: u.arbitrary()?,
                bytes: u.arbitrary()?,
            })
        };
        self.places[place] = match u.arbitrary::<u8>()? % 3 {
            0 => some(u)?,
            1 => {
                let (worker, stats) = (u.arbitrary()?, stats(u)?);
                WorkerReport { worker, seen: Some(self.now), stats, policy: "0f".into() }.encode()
            }
            _ => {
                let (worker, seen, stats) = (u.arbitrary()?, u.arbitrary::<u64>()?, stats(u)?);
                WorkerReport { worker, seen: Some(Monotonic(seen)), stats, policy: "AB".into() }
                    .encode()
            }
        };
        Ok(())
    }

    fn holds(&mut self) {
        for name in NAMES {
            let Some(entry) = self.entries.get(name) else { continue };
            let opens = self.key.open(name, entry).is_some();
            assert_eq!(opens, self.sealed.contains(&(name, entry.clone())), "{name}");
        }
        for name in LEASES.map(|at| NAMES[at]) {
            is_bounded(self.lease(name), self.now);
        }
        self.keys_do_not_go_back();
        self.totals();
    }

    /// A worker installs what it reads, as at every tick.
    fn keys_do_not_go_back(&mut self) {
        let name = NAMES[RECORDS[0]];
        let provider = self.provider;
        let started_at = |authorizer: &Authorizer| {
            authorizer.key_store().state(provider).and_then(|state| state.started_at)
        };
        let before = started_at(&self.authorizer);
        let Some(record) = self.open(name).and_then(Record::decode) else { return };
        assert!(record.started_at <= self.now);
        let entry = self.entries.get(name).cloned().unwrap_or_default();
        if std::mem::replace(&mut self.read, entry) == self.entries[name] {
            return;
        }
        if let Ok(set) = KeySet::parse(&record.jwks) {
            self.authorizer.key_store_mut().install(self.provider, set, record.started_at);
        }
        assert!(started_at(&self.authorizer) >= before);
    }

    /// The sums are those of numbers without bound, cut to what a gauge holds; and who does not
    /// write again is soon not counted.
    fn totals(&self) {
        let reports: Vec<_> =
            self.places.iter().filter_map(|entry| WorkerReport::decode(entry)).collect();
        let totals = Totals::of(&reports, self.now);
        let there: Vec<_> =
            reports.iter().filter(|it| it.is_fresh(self.now)).map(|it| it.stats).collect();
        let sum = |of: fn(&WorkerStats) -> u64| {
            let sum = there.iter().map(|stats| u128::from(of(stats))).sum::<u128>();
            u64::try_from(sum).unwrap_or(u64::MAX)
        };
        let [waiting, tokens, bytes] =
            [sum(|it| it.waiting), sum(|it| it.tokens), sum(|it| it.bytes)];
        assert_eq!(totals.stats, WorkerStats { waiting, tokens, bytes });
        assert_eq!(totals.policies.values().sum::<u64>(), there.len() as u64);
        assert!(totals.policies.len() <= self.places.len());
        for report in reports.iter().filter(|it| it.is_fresh(self.now)) {
            assert!(!report.is_fresh(self.now.plus(2 * STALE_AFTER)), "{report:?}");
        }
    }
}

/// Up to 255 bytes of the input.
pub(crate) fn some(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let length = usize::from(u.arbitrary::<u8>()?).min(u.len());
    Ok(u.bytes(length)?.to_vec())
}
