//! The simulated world: events in the order of virtual time, and the rules that hold after each.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::AddAssign;
use std::rc::Rc;

use portcullis_engine::clock::{Clocks, Monotonic, UnixTime};
use portcullis_engine::jwks_refresh::lease::Lease;
use portcullis_engine::jwks_refresh::shared_entry::MacKey;
use portcullis_engine::policy::Policy;
use portcullis_engine::reason::Reason;
use portcullis_engine::request::Headers;
use portcullis_engine::request::Request;
use portcullis_engine::worker::{
    BATCH, Decided, Effects, Environment, Event as WorkerEvent, Fetch, FetchError, FetchId,
    FetchResponse, Outcome, ReceivedRequest, SharedEntry, StreamId, Worker,
};
use portcullis_principal::SigningKey;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::json;

use crate::tokens::{HASHES, ISSUER, jwk, token};
use crate::{Rule, Violation};

/// Virtual time, in milliseconds since the start of the process.
type Millis = u64;

const SECOND: Millis = 1_000;
const START: Millis = 10 * SECOND;
/// For so long things go wrong; then all faults end, and the gateway must recover.
const TROUBLE: Millis = 60 * SECOND;
const RECOVERY: Millis = 50 * SECOND;

const REFRESH: Millis = 20 * SECOND;
const MAX_STALE: Millis = 30 * SECOND;
const INTERVAL: Millis = 10 * SECOND;
const TIMEOUT: Millis = 3 * SECOND;
const WAIT: Millis = 5 * SECOND;
const WAITING_REQUESTS: usize = 120;
const UNKNOWN_KID_REQUESTS: usize = 60;
/// A worker ticks once a second, a busy one up to so much later.
const TICK: Millis = SECOND;
const LATE: Millis = 300;
/// A fetch may take its timeout and the grace of two seconds.
const PATIENCE: Millis = TIMEOUT + 2 * SECOND;
/// Wall clock at the start.
const WALL: u64 = 1_800_000_000;

/// What happened in a schedule.
#[derive(Clone, Copy, Debug, Default)]
pub struct Summary {
    /// Schedules.
    pub schedules: u64,
    /// Steps.
    pub steps: u64,
    /// Requests that passed.
    pub allowed: u64,
    /// Requests that were refused.
    pub refused: u64,
    /// Requests that waited.
    pub waited: u64,
    /// Fetches.
    pub fetches: u64,
    /// Workers that died.
    pub deaths: u64,
}

impl AddAssign for Summary {
    fn add_assign(&mut self, other: Self) {
        self.schedules += other.schedules;
        self.steps += other.steps;
        self.allowed += other.allowed;
        self.refused += other.refused;
        self.waited += other.waited;
        self.fetches += other.fetches;
        self.deaths += other.deaths;
    }
}

/// Data that all workers share. A version is never 0 nor `u32::MAX`, as in Envoy.
#[derive(Default)]
struct Store(BTreeMap<String, SharedEntry>);

impl Store {
    fn set(&mut self, name: &str, value: &[u8]) {
        let version = self.0.get(name).map_or(1, |entry| entry.version + 1);
        self.0.insert(name.to_owned(), SharedEntry { value: value.to_vec(), version });
    }
}

/// The store and the randomness, as one worker sees them.
struct Shared<'w>(&'w RefCell<Store>, &'w mut StdRng);

impl Environment for Shared<'_> {
    fn shared(&self, name: &str) -> Option<SharedEntry> {
        self.0.borrow().0.get(name).cloned()
    }

    fn share(&mut self, name: &str, value: &[u8]) {
        self.0.borrow_mut().set(name, value);
    }

    fn swap(&mut self, name: &str, value: &[u8], seen: Option<&SharedEntry>) -> bool {
        let mut store = self.0.borrow_mut();
        let is_as_seen =
            store.0.get(name).map(|entry| entry.version) == seen.map(|entry| entry.version);
        if is_as_seen {
            store.set(name, value);
        }
        is_as_seen
    }

    fn random(&mut self) -> u64 {
        self.1.r#gen()
    }
}

/// A key of the provider.
struct Key {
    kid: String,
    published: Option<Millis>,
    withdrawn: Option<Millis>,
    /// When a fetch was stored that no longer had it.
    known_withdrawn: Option<Millis>,
}

/// What a client shows, and what must come of it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Shown {
    /// Nothing.
    NoToken,
    /// A good signature by the key of this number.
    Signed { key: usize, expires: u64 },
    /// A key id of this key, and a signature by no key.
    Forged { key: usize },
    /// A key id that no key ever has.
    RandomKid,
}

/// A request under way.
#[derive(Clone, Debug)]
struct Stream {
    worker: usize,
    life: u32,
    arrived: Millis,
    shown: Shown,
    path: &'static str,
    has_waited: bool,
    /// When it was last decided to wait.
    decided: Millis,
}

struct Seat {
    /// `None`: the VM has died, and is made anew by the next request.
    worker: Option<Worker>,
    life: u32,
    next_tick: Millis,
    /// When its VM was made.
    since: Millis,
    /// When it last had new keys.
    keys_at: Millis,
}

/// A fetch that was dispatched.
#[derive(Clone, Copy)]
struct Dispatched {
    at: Millis,
    ended: Option<Millis>,
    has_failed: bool,
}

#[derive(Clone, Debug)]
enum Event {
    Tick { worker: usize, life: u32 },
    Requests { count: usize },
    Read { worker: usize, life: u32, fetch: FetchId, number: usize, answer: Answer, after: Millis },
    FetchEnd { worker: usize, life: u32, fetch: FetchId, number: usize, response: Option<Response> },
    Reset(StreamId),
    Rotate,
    Publish(usize),
    Withdraw,
    StepWallClock,
    Die { worker: usize },
    WriteUnderOurNames,
    ChangeFault,
    TroubleEnds,
    Probe { worker: usize, until: Millis },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Keys,
    ServerError,
    Malformed,
    TooLarge,
}

#[derive(Clone, Debug)]
struct Response {
    status: &'static str,
    body: Vec<u8>,
    /// Keys in it, if it is a good one.
    keys: Option<Vec<usize>>,
}

/// How the provider fails now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    Down,
    Slow,
    Loses,
    ServerError,
    Malformed,
    TooLarge,
    Forgotten,
}

/// See the crate.
pub(crate) struct World<'l> {
    seed: u64,
    random: StdRng,
    log: Option<&'l mut dyn FnMut(&str)>,
    now: Millis,
    wall_offset: i64,
    events: BinaryHeap<Reverse<(Millis, u64, usize)>>,
    scheduled: Vec<Option<Event>>,
    store: RefCell<Store>,
    policy: Rc<Policy>,
    mac_key: MacKey,
    seats: Vec<Seat>,
    keys: Vec<Key>,
    fault: Fault,
    in_trouble: bool,
    is_hostile: bool,
    has_deaths: bool,
    streams: BTreeMap<StreamId, Stream>,
    next_stream: u32,
    dispatched: Vec<Dispatched>,
    /// When the newest stored document's fetch began, and when it was stored.
    newest: Option<(Millis, Millis)>,
    written: Vec<(String, Vec<u8>)>,
    summary: Summary,
}

fn policy() -> Rc<Policy> {
    let seconds = |millis: Millis| format!("{}s", millis / SECOND);
    let document = json!({
        "providers": { "main": {
            "issuer": ISSUER, "audiences": ["shop"], "algorithms": ["EdDSA"], "token_types": ["JWT"],
            "roles": [{ "path": ["roles"] }],
            "jwks": {
                "uri": "https://idp.example/jwks", "cluster": "idp", "refresh": seconds(REFRESH), "max_bytes": 100_000,
                "max_stale": seconds(MAX_STALE), "unknown_kid_interval": seconds(INTERVAL), "timeout": seconds(TIMEOUT),
            },
        } },
        "services": { "shop": { "hosts": ["*"], "routes": [
            { "match": "GET /orders", "roles": ["customer"] },
            { "match": "GET /admin", "roles": ["admin"] },
            { "match": "GET /public", "public": true },
            { "match": "GET /trial", "roles": ["admin"], "mode": { "shadow": { "until": "2099-12-31" } } },
        ] } },
        "waiting": {
            "requests": WAITING_REQUESTS, "unknown_kid_requests": UNKNOWN_KID_REQUESTS, "time": seconds(WAIT),
        },
        "cache": { "tokens": 50 },
    });
    Rc::new(
        Policy::from_json(document.to_string().as_bytes())
            .unwrap_or_else(|errors| panic!("{errors}")),
    )
}

/// The gateway's key: RFC 8037 A.1.
fn signing_key() -> SigningKey {
    let key = SigningKey::from_seed_base64url("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A");
    key.unwrap_or_else(|error| panic!("{error}"))
}

thread_local! {
    static POLICY: Rc<Policy> = policy();
}

impl<'l> World<'l> {
    pub(crate) fn new(seed: u64, log: Option<&'l mut dyn FnMut(&str)>) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let workers = random.gen_range(1..=8);
        let mut world = Self {
            seed,
            log,
            now: START,
            wall_offset: 0,
            events: BinaryHeap::new(),
            scheduled: Vec::new(),
            store: RefCell::default(),
            policy: POLICY.with(Rc::clone),
            mac_key: MacKey::new(signing_key().derive("portcullis shared data")),
            seats: Vec::new(),
            keys: Vec::new(),
            fault: Fault::None,
            in_trouble: true,
            is_hostile: random.gen_bool(0.3),
            has_deaths: random.gen_bool(0.4),
            streams: BTreeMap::new(),
            next_stream: 1,
            dispatched: Vec::new(),
            newest: None,
            written: Vec::new(),
            summary: Summary { schedules: 1, ..Summary::default() },
            random,
        };
        world.seats = (0..workers)
            .map(|_| Seat { worker: None, life: 0, next_tick: 0, since: START, keys_at: 0 })
            .collect();
        (0..workers).for_each(|worker| world.make_worker(worker));
        world.keys.push(Key {
            kid: "key-0".to_owned(),
            published: Some(0),
            withdrawn: None,
            known_withdrawn: None,
        });
        world.plan();
        world
    }

    /// Everything that will happen, but for what follows from it.
    fn plan(&mut self) {
        let end = START + TROUBLE;
        if self.random.gen_bool(0.5) {
            self.fault = self.any_fault();
        }
        for _ in 0..self.random.gen_range(20..60) {
            let at = self.random.gen_range(START..end);
            self.at(at, Event::Requests { count: 1 });
        }
        for _ in 0..self.random.gen_range(0..3) {
            let (at, count) = (self.random.gen_range(START..end), self.random.gen_range(20..200));
            self.at(at, Event::Requests { count });
        }
        let plan: [(Event, u32); 4] = [
            (Event::Rotate, 4),
            (Event::Withdraw, 3),
            (Event::ChangeFault, 5),
            (Event::StepWallClock, 2),
        ];
        for (event, most) in plan {
            for _ in 0..self.random.gen_range(0..=most) {
                let at = self.random.gen_range(START..end);
                self.at(at, event.clone());
            }
        }
        if self.is_hostile {
            for _ in 0..self.random.gen_range(1..20) {
                let at = self.random.gen_range(START..end);
                self.at(at, Event::WriteUnderOurNames);
            }
        }
        if self.has_deaths {
            for _ in 0..self.random.gen_range(1..4) {
                let at = self.random.gen_range(START..end);
                let worker = self.random.gen_range(0..self.seats.len());
                self.at(at, Event::Die { worker });
            }
        }
        self.at(end, Event::TroubleEnds);
    }

    fn at(&mut self, at: Millis, event: Event) {
        let number = self.scheduled.len();
        self.scheduled.push(Some(event));
        self.events.push(Reverse((at, number as u64, number)));
    }

    fn say(&mut self, text: impl FnOnce() -> String) {
        if let Some(log) = &mut self.log {
            log(&format!("{:>7} ms  {}", self.now, text()));
        }
    }

    fn violation<T>(&self, rule: Rule, what: impl Into<String>) -> Result<T, Violation> {
        Err(Violation { seed: self.seed, rule, at: self.now, what: what.into() })
    }

    fn clocks(&self) -> Clocks {
        let wall = WALL.saturating_add(self.now / SECOND).saturating_add_signed(self.wall_offset);
        Clocks { wall: UnixTime(wall), monotonic: Monotonic(self.now * 1_000_000) }
    }

    fn any_fault(&mut self) -> Fault {
        let all = [
            Fault::None,
            Fault::Down,
            Fault::Slow,
            Fault::Loses,
            Fault::ServerError,
            Fault::Malformed,
            Fault::TooLarge,
            Fault::Forgotten,
        ];
        all[self.random.gen_range(0..all.len())]
    }

    fn make_worker(&mut self, worker: usize) {
        let made = Worker::new(Rc::clone(&self.policy), Some(signing_key()), &HASHES);
        let seat = &mut self.seats[worker];
        seat.worker = Some(made);
        seat.life += 1;
        seat.since = self.now;
        self.tick_at(worker, self.now + 1);
    }

    fn tick_at(&mut self, worker: usize, at: Millis) {
        let seat = &mut self.seats[worker];
        seat.next_tick = at;
        let life = seat.life;
        self.at(at, Event::Tick { worker, life });
    }

    pub(crate) fn run(mut self) -> Result<Summary, Violation> {
        while let Some(Reverse((at, _, number))) = self.events.pop() {
            let Some(event) = self.scheduled[number].take() else { continue };
            self.now = at;
            if at > START + TROUBLE + RECOVERY {
                break;
            }
            self.summary.steps += 1;
            self.step(event)?;
            self.check()?;
        }
        Ok(self.summary)
    }

    fn step(&mut self, event: Event) -> Result<(), Violation> {
        match event {
            Event::Tick { worker, life } => self.tick(worker, life)?,
            Event::Requests { count } => {
                let worker = self.random.gen_range(0..self.seats.len());
                let (shown, path) = self.any_request();
                for number in 0..count {
                    // a herd shows the same, or each its own
                    let (shown, path) =
                        if number % 3 == 0 { (shown.clone(), path) } else { self.any_request() };
                    self.request(worker, shown, path)?;
                }
            }
            Event::Read { worker, life, fetch, number, answer, after } => {
                let response = self.response(answer);
                self.at(
                    self.now + after,
                    Event::FetchEnd { worker, life, fetch, number, response: Some(response) },
                );
            }
            Event::FetchEnd { worker, life, fetch, number, response } => {
                self.fetch_end((worker, life), fetch, number, response)?;
            }
            Event::Reset(stream) => {
                if let Some(gone) = self.streams.remove(&stream) {
                    self.say(|| format!("{stream:?} is reset"));
                    if let Some(worker) = self.live(gone.worker, gone.life) {
                        worker.on_stream_end(stream);
                    }
                }
            }
            Event::Rotate => self.rotate(),
            Event::Publish(key) => {
                self.keys[key].published = Some(self.now);
                self.say(|| format!("key-{key} is published"));
            }
            Event::Withdraw => {
                // the newest one signs
                let current = self.current();
                let old = (0..current).find(|key| self.keys[*key].withdrawn.is_none());
                if let Some(key) = old {
                    self.keys[key].withdrawn = Some(self.now);
                    self.say(|| format!("key-{key} is withdrawn"));
                }
            }
            Event::StepWallClock => {
                self.wall_offset += self.random.gen_range(-400_i64..400);
                let offset = self.wall_offset;
                self.say(|| format!("the wall clock is {offset} s off"));
            }
            Event::Die { worker } => self.die(worker),
            Event::WriteUnderOurNames => self.write_under_our_names(),
            Event::ChangeFault => {
                self.fault = self.any_fault();
                let fault = self.fault;
                self.say(|| format!("the provider: {fault:?}"));
            }
            Event::TroubleEnds => self.trouble_ends(),
            Event::Probe { worker, until } => self.probe(worker, until)?,
        }
        Ok(())
    }

    fn live(&mut self, worker: usize, life: u32) -> Option<&mut Worker> {
        let seat = &mut self.seats[worker];
        if seat.life == life { seat.worker.as_mut() } else { None }
    }

    fn tick(&mut self, worker: usize, life: u32) -> Result<(), Violation> {
        let (now, clocks) = (self.now, self.clocks());
        if self.seats[worker].next_tick != now || self.live(worker, life).is_none() {
            return Ok(());
        }
        let late = self.random.gen_range(0..LATE);
        self.tick_at(worker, now + TICK + late);
        let Some(ticking) = self.seats[worker].worker.as_mut() else { return Ok(()) };
        let effects = ticking.on_tick(&mut Shared(&self.store, &mut self.random), clocks);
        self.apply(worker, effects)
    }

    fn apply(&mut self, worker: usize, effects: Effects) -> Result<(), Violation> {
        if effects.ready.len() > BATCH {
            let what =
                format!("worker {worker} answers {} requests in one event", effects.ready.len());
            return self.violation(Rule::LargeBatch, what);
        }
        for event in &effects.events {
            self.say(|| format!("worker {worker}: {event:?}"));
            if matches!(event, WorkerEvent::KeysInstalled(_)) {
                self.seats[worker].keys_at = self.now;
            }
        }
        for fetch in effects.fetches {
            self.dispatch(worker, &fetch)?;
        }
        for stream in effects.ready {
            let clocks = self.clocks();
            let Some(resuming) = self.seats[worker].worker.as_mut() else { break };
            let resumed =
                resuming.on_resume(stream, &(), &mut Shared(&self.store, &mut self.random), clocks);
            match (resumed, self.streams.contains_key(&stream)) {
                (Some((received, decided)), true) => {
                    self.decided(worker, stream, &received, decided)?;
                }
                (None, true) => {
                    let what =
                        format!("{stream:?} is ready on worker {worker} and not in its queue");
                    return self.violation(Rule::EndlessWait, what);
                }
                (_, false) => {}
            }
        }
        if effects.tick_soon {
            self.tick_at(worker, self.now + 1);
        }
        Ok(())
    }

    fn dispatch(&mut self, worker: usize, fetch: &Fetch) -> Result<(), Violation> {
        self.summary.fetches += 1;
        self.say(|| format!("worker {worker} fetches {}", fetch.endpoint.uri));
        if !self.is_hostile {
            let busy =
                self.dispatched.iter().any(|it| it.ended.is_none() && self.now < it.at + PATIENCE);
            if busy {
                return self.violation(
                    Rule::ConcurrentFetches,
                    format!("worker {worker} fetches while another does"),
                );
            }
            // a refresh comes up to a tenth early; a failed one is repeated after its backoff
            let recent = self
                .dispatched
                .iter()
                .filter(|it| !it.has_failed && it.at + INTERVAL > self.now + 1);
            let with_failures = self.dispatched.iter().filter(|it| it.at + INTERVAL > self.now + 1);
            if recent.count() > 2 || with_failures.count() > 8 {
                let what = format!("worker {worker} fetches once more");
                return self.violation(Rule::TooManyFetches, what);
            }
        }
        let number = self.dispatched.len();
        self.dispatched.push(Dispatched { at: self.now, ended: None, has_failed: false });
        let life = self.seats[worker].life;
        let id = fetch.id;
        let (there, back) = (self.random.gen_range(1..100), self.random.gen_range(1..100));
        let unreachable =
            |at: Millis| (at, Event::FetchEnd { worker, life, fetch: id, number, response: None });
        let read = |answer, there, after| {
            (there, Event::Read { worker, life, fetch: id, number, answer, after })
        };
        let (after, event) = match self.fault {
            Fault::Slow => {
                let (there, back) =
                    (self.random.gen_range(1..4_000), self.random.gen_range(1..4_000));
                if there + back < TIMEOUT {
                    read(Answer::Keys, there, back)
                } else {
                    unreachable(TIMEOUT)
                }
            }
            Fault::Down => unreachable(there),
            Fault::Loses if self.random.gen_bool(0.5) => unreachable(TIMEOUT),
            Fault::None | Fault::Loses => read(Answer::Keys, there, back),
            Fault::ServerError => read(Answer::ServerError, there, back),
            Fault::Malformed => read(Answer::Malformed, there, back),
            Fault::TooLarge => read(Answer::TooLarge, there, back),
            // the host never says how it ended
            Fault::Forgotten => return Ok(()),
        };
        self.at(self.now + after, event);
        Ok(())
    }

    /// What the provider answers now.
    fn response(&self, answer: Answer) -> Response {
        let is_there = |key: &Key| {
            key.published.is_some_and(|at| at <= self.now)
                && key.withdrawn.is_none_or(|at| at > self.now)
        };
        let keys: Vec<usize> =
            (0..self.keys.len()).filter(|key| is_there(&self.keys[*key])).collect();
        let list =
            keys.iter().map(|key| jwk(&self.keys[*key].kid, u32::try_from(*key).unwrap_or(0)));
        let document = json!({ "keys": list.collect::<Vec<_>>() }).to_string();
        match answer {
            Answer::Keys => {
                Response { status: "200", body: document.into_bytes(), keys: Some(keys) }
            }
            Answer::ServerError => {
                Response { status: "500", body: document.into_bytes(), keys: None }
            }
            Answer::Malformed => Response { status: "200", body: b"<html>".to_vec(), keys: None },
            Answer::TooLarge => {
                let padded =
                    document.replacen('{', &format!("{{\"x\":\"{}\",", "x".repeat(100_000)), 1);
                Response { status: "200", body: padded.into_bytes(), keys: None }
            }
        }
    }

    fn fetch_end(
        &mut self,
        (worker, life): (usize, u32),
        fetch: FetchId,
        number: usize,
        response: Option<Response>,
    ) -> Result<(), Violation> {
        let (now, clocks) = (self.now, self.clocks());
        let is_good = response.as_ref().is_some_and(|it| it.keys.is_some());
        let started = self.dispatched[number].at;
        if self.live(worker, life).is_none() {
            // the worker has died, and its lease runs out
            return Ok(());
        }
        self.dispatched[number].ended = Some(now);
        self.dispatched[number].has_failed = !is_good;
        if let Some(keys) = response.as_ref().and_then(|it| it.keys.as_ref())
            && now < started + PATIENCE
        {
            for (number, key) in self.keys.iter_mut().enumerate() {
                let was_withdrawn = key.withdrawn.is_some() && !keys.contains(&number);
                if was_withdrawn
                    && key.known_withdrawn.is_none()
                    && self.newest.is_none_or(|(at, _)| at < started)
                {
                    key.known_withdrawn = Some(now);
                }
            }
            if self.newest.is_none_or(|(at, _)| at < started) {
                self.newest = Some((started, now));
            }
        }
        let headers =
            response.as_ref().map(|it| vec![(":status".to_owned(), it.status.as_bytes().to_vec())]);
        let body = response.map(|it| it.body).unwrap_or_default();
        let read = || body.clone();
        let response = headers.as_ref().map(|headers| FetchResponse {
            headers: Headers(headers),
            body_bytes: body.len(),
            body: &read,
        });
        let Some(fetching) = self.seats[worker].worker.as_mut() else { return Ok(()) };
        let response = response.ok_or(FetchError::Unreachable);
        let effects = fetching.on_fetch_end(
            fetch,
            response,
            &mut Shared(&self.store, &mut self.random),
            clocks,
        );
        // what a well-meaning entry looks like, for the one who writes under our names
        if self.is_hostile {
            let store = self.store.borrow();
            self.written
                .extend(store.0.iter().map(|(name, entry)| (name.clone(), entry.value.clone())));
        }
        self.apply(worker, effects)
    }

    /// The key that signs now: the newest that is published.
    fn current(&self) -> usize {
        (0..self.keys.len()).rev().find(|key| self.keys[*key].published.is_some()).unwrap_or(0)
    }

    /// A new key, which is published at once or a moment later.
    fn rotate(&mut self) {
        let number = self.keys.len();
        self.keys.push(Key {
            kid: format!("key-{number}"),
            published: None,
            withdrawn: None,
            known_withdrawn: None,
        });
        let delay =
            if self.random.gen_bool(0.5) { 0 } else { self.random.gen_range(0..15 * SECOND) };
        self.say(|| format!("key-{number} is made"));
        self.at(self.now + delay, Event::Publish(number));
    }

    fn die(&mut self, worker: usize) {
        self.say(|| format!("worker {worker} dies"));
        self.summary.deaths += 1;
        self.seats[worker].worker = None;
        // the host answers its streams with 5xx
        self.streams.retain(|_, stream| stream.worker != worker);
    }

    /// Another plugin writes what it has seen, something else, or nothing under our names.
    fn write_under_our_names(&mut self) {
        let names: Vec<String> = self.store.borrow().0.keys().cloned().collect();
        if names.is_empty() {
            return;
        }
        let name = names[self.random.gen_range(0..names.len())].clone();
        let mut value = match self.random.gen_range(0..3) {
            0 if !self.written.is_empty() => {
                self.written[self.random.gen_range(0..self.written.len())].1.clone()
            }
            1 => vec![0; self.random.gen_range(0..200)],
            _ => {
                // our key ids with keys of its own, without our MAC
                let keys: Vec<_> = self.keys.iter().map(|key| jwk(&key.kid, FORGER)).collect();
                let mut entry = vec![0; 32];
                entry.push(2);
                entry.extend((self.now * 1_000_000).to_be_bytes());
                entry.extend(u32::MAX.to_be_bytes());
                entry.extend(json!({ "keys": keys }).to_string().into_bytes());
                entry
            }
        };
        if value.len() > 40 && self.random.gen_bool(0.3) {
            let at = self.random.gen_range(0..value.len());
            value[at] ^= 1;
        }
        self.say(|| format!("the hostile plugin writes {} bytes as {name}", value.len()));
        self.store.borrow_mut().set(&name, &value);
    }

    fn any_request(&mut self) -> (Shown, &'static str) {
        let path = ["/orders", "/orders", "/orders", "/admin", "/public", "/trial"]
            [self.random.gen_range(0..6)];
        let wall = self.clocks().wall.0;
        let key = if self.random.gen_bool(0.7) {
            self.current()
        } else {
            self.random.gen_range(0..self.keys.len())
        };
        let shown = match self.random.gen_range(0..20) {
            0 => Shown::NoToken,
            1..4 => Shown::Forged { key },
            4..8 => Shown::RandomKid,
            8 => Shown::Signed { key, expires: wall.saturating_sub(3_000) },
            _ => Shown::Signed { key, expires: wall / 10_000 * 10_000 + 30_000 },
        };
        (shown, path)
    }

    fn request(
        &mut self,
        worker: usize,
        shown: Shown,
        path: &'static str,
    ) -> Result<(), Violation> {
        if self.seats[worker].worker.is_none() {
            self.make_worker(worker);
        }
        let stream = StreamId(self.next_stream);
        self.next_stream += 1;
        let sent = match &shown {
            Shown::NoToken => None,
            Shown::Signed { key, expires } => {
                Some(token(&self.keys[*key].kid, u32::try_from(*key).unwrap_or(0), *expires))
            }
            Shown::Forged { key } => Some(token(&self.keys[*key].kid, FORGER, WALL + 1_000_000)),
            Shown::RandomKid => Some(token(
                &format!("random-{}", self.random.r#gen::<u64>()),
                FORGER,
                WALL + 1_000_000,
            )),
        };
        let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
        let mut headers =
            vec![header(":method", "GET"), header(":path", path), header(":authority", "shop")];
        headers.extend(sent.map(|token| header("authorization", &format!("Bearer {token}"))));
        let received = Rc::new(ReceivedRequest::new(headers, false));
        let life = self.seats[worker].life;
        let asked = Stream {
            worker,
            life,
            arrived: self.now,
            shown,
            path,
            has_waited: false,
            decided: self.now,
        };
        self.streams.insert(stream, asked);
        let clocks = self.clocks();
        let Some(deciding) = self.seats[worker].worker.as_mut() else { return Ok(()) };
        let request = Request::new(received.headers());
        let mut shared = Shared(&self.store, &mut self.random);
        let decided = deciding.on_request(stream, (&request, &received), &(), &mut shared, clocks);
        self.decided(worker, stream, &received, decided)
    }

    /// Carries a decision out, and judges it.
    fn decided(
        &mut self,
        worker: usize,
        stream: StreamId,
        received: &Rc<ReceivedRequest>,
        decided: Decided,
    ) -> Result<(), Violation> {
        if decided.tick_soon {
            self.tick_at(worker, self.now + 1);
        }
        let Some(asked) = self.streams.get_mut(&stream) else { return Ok(()) };
        let of = asked.clone();
        self.say(|| {
            format!(
                "{stream:?} on worker {worker}, {} with {:?}: {:?}",
                of.path, of.shown, decided.outcome
            )
        });
        match decided.outcome {
            Outcome::Wait => {
                if let Some(asked) = self.streams.get_mut(&stream) {
                    (asked.has_waited, asked.decided) = (true, self.now);
                }
                if !of.has_waited {
                    self.summary.waited += 1;
                    if self.random.gen_bool(0.1) {
                        let after = self.random.gen_range(0..WAIT);
                        self.at(self.now + after, Event::Reset(stream));
                    }
                }
                return Ok(());
            }
            Outcome::Allow(permit) => {
                received.allow();
                self.summary.allowed += 1;
                self.judge_pass(&of, permit.shadow())?;
            }
            Outcome::Refuse(reason, retry_after) => {
                self.summary.refused += 1;
                self.judge_refusal(&of, reason, retry_after)?;
            }
        }
        self.streams.remove(&stream);
        Ok(())
    }

    fn judge_pass(&self, asked: &Stream, shadow: Option<Reason>) -> Result<(), Violation> {
        let what = format!("{} with {:?} passes", asked.path, asked.shown);
        if shadow.is_some() != (asked.path == "/trial") {
            return self.violation(Rule::Mode, format!("{what}, shadow {shadow:?}"));
        }
        if asked.path == "/trial" || asked.path == "/public" && asked.shown == Shown::NoToken {
            return Ok(());
        }
        let Shown::Signed { key, expires } = asked.shown else {
            return self.violation(Rule::PassedWithoutKey, what);
        };
        let key = &self.keys[key];
        let leeway = 300;
        let is_published = key.published.is_some_and(|at| at <= self.now);
        // a worker that no one asks knows it after its next tick; a plugin that overwrites what the
        // workers share can keep it from them until the keys are stale
        let is_known =
            !self.is_hostile && key.known_withdrawn.is_some_and(|at| self.now > at + TICK + LATE);
        if !is_published
            || is_known
            || self.clocks().wall.0 >= expires + leeway
            || asked.path == "/admin"
        {
            return self.violation(Rule::PassedWithoutKey, what);
        }
        match self.newest {
            Some((started, _)) if self.now <= started + MAX_STALE => Ok(()),
            newest => self.violation(Rule::StaleKeys, format!("{what}, newest keys {newest:?}")),
        }
    }

    fn judge_refusal(
        &self,
        asked: &Stream,
        reason: Reason,
        retry_after: Option<u32>,
    ) -> Result<(), Violation> {
        let status = reason.terms().status;
        let what = format!("{} with {:?} is refused: {reason}", asked.path, asked.shown);
        if asked.path == "/trial" {
            return self.violation(Rule::Mode, what);
        }
        if let Shown::Signed { key, expires } = asked.shown {
            let key = &self.keys[key];
            let is_published =
                key.published.is_some_and(|at| at <= asked.arrived) && key.withdrawn.is_none();
            let is_valid = self.clocks().wall.0 < expires;
            if status == 401 && is_published && is_valid {
                return self.violation(Rule::HonestRefused, what);
            }
        }
        let has_keys = self.newest.is_some_and(|(started, stored)| {
            self.now < started + MAX_STALE && self.now > stored + TICK + LATE
        });
        let is_new = self.seats[asked.worker].since + TICK + LATE > self.now;
        if status >= 500 && has_keys && !is_new && !self.is_hostile {
            return self.violation(Rule::FaultForClient, what);
        }
        if reason == Reason::KeyNotYetFetched
            && retry_after.is_some_and(|seconds| u64::from(seconds) > REFRESH / SECOND + 31)
        {
            return self
                .violation(Rule::FaultForClient, format!("{what}, again in {retry_after:?} s"));
        }
        Ok(())
    }

    /// What must hold after every step.
    fn check(&self) -> Result<(), Violation> {
        for (number, seat) in self.seats.iter().enumerate() {
            let Some(worker) = &seat.worker else { continue };
            let waiting = usize::try_from(worker.stats().waiting).unwrap_or(usize::MAX);
            let under_way = self.streams.values().filter(|stream| stream.worker == number).count();
            if waiting > (WAITING_REQUESTS + UNKNOWN_KID_REQUESTS).min(under_way) {
                let what = format!(
                    "{waiting} requests wait on worker {number}, {under_way} are under way"
                );
                return self.violation(Rule::Unbounded, what);
            }
        }
        let is_flying = self.dispatched.iter().any(|it| it.ended.is_none());
        if !self.is_hostile && !is_flying && self.lease_is_taken() {
            return self
                .violation(Rule::LeaseKept, "the lease is taken, and no fetch is in flight");
        }
        let is_forgotten = |asked: &Stream| {
            let keys_at = self.seats[asked.worker].keys_at;
            asked.decided < keys_at && self.now > keys_at + TICK + LATE + 50
        };
        if let Some((stream, asked)) = self.streams.iter().find(|(_, asked)| is_forgotten(asked)) {
            let what =
                format!("{stream:?} on worker {} still waits, though keys came", asked.worker);
            return self.violation(Rule::NotWoken, what);
        }
        // the oldest comes first
        if let Some((stream, asked)) = self.streams.iter().next()
            && self.now > asked.arrived + WAIT + TICK + LATE + 50
        {
            return self.violation(
                Rule::EndlessWait,
                format!("{stream:?} on worker {} still waits", asked.worker),
            );
        }
        Ok(())
    }

    fn lease_is_taken(&self) -> bool {
        let store = self.store.borrow();
        let mut leases = store.0.iter().filter(|(name, _)| name.starts_with("portcullis.lease."));
        leases.any(|(name, entry)| {
            let content = self.mac_key.open(name, &entry.value);
            let now = self.clocks().monotonic;
            content
                .and_then(|it| Lease::decode(it, now))
                .is_some_and(|lease| lease.idle(now).is_err())
        })
    }

    /// All faults are over: the gateway recovers by itself.
    fn trouble_ends(&mut self) {
        self.say(|| "all faults are over".to_owned());
        self.in_trouble = false;
        self.fault = Fault::None;
        // one more key, for a token that no worker has seen
        self.rotate();
        let newest = self.keys.len() - 1;
        self.keys[newest].published = Some(self.now);
        let end = self.now + RECOVERY - SECOND;
        for worker in 0..self.seats.len() {
            self.at(self.now + WAIT, Event::Probe { worker, until: end });
        }
    }

    /// Shows an honest token until it passes.
    fn probe(&mut self, worker: usize, until: Millis) -> Result<(), Violation> {
        let allowed = self.summary.allowed;
        let (key, expires) = (self.keys.len() - 1, self.clocks().wall.0 + 10_000);
        self.request(worker, Shown::Signed { key, expires }, "/orders")?;
        let passes = self.summary.allowed > allowed;
        if !passes && self.now >= until - 2 * SECOND {
            return self.violation(
                Rule::NoRecovery,
                format!("an honest token does not pass on worker {worker}"),
            );
        }
        if !passes {
            self.at(self.now + SECOND, Event::Probe { worker, until });
        }
        Ok(())
    }
}

/// The number of a key that no provider has.
const FORGER: u32 = 1_000_000;
