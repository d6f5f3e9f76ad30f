//! How much is measured: the parts of a run, and how often each is repeated.
use std::collections::BTreeSet;
use std::ops::Range;

use clap::ValueEnum;
use serde::Serialize;

/// A part of a run, as `--only` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Every token is used once: RS256, 2048 bits.
    ColdRs256,
    /// Every token is used once: ES256.
    ColdEs256,
    /// Every token is used once: `EdDSA` (Ed25519).
    ColdEddsa,
    /// Every token is used once: PS256, 2048 bits.
    ColdPs256,
    /// 100 tokens, used over and over.
    Hot,
    /// 99 requests with a hot token to one with a cold one.
    Mixed,
    /// Refused: every token has the signature of another.
    BadSignature,
    /// Refused: no token.
    NoToken,
    /// Refused: a good token without the role.
    WrongRole,
    /// Refused: a good token at an endpoint that has no row.
    Undeclared,
    /// Every kind of request without a good token, beside a good cached one.
    Amplification,
    /// Instructions in place of times.
    Counts,
    /// Tokens of 0.5, 1 and 4 KiB, hot and cold.
    Sizes,
    /// Role tables from 10 to 10,000 rows.
    Rows,
    /// From 1 to 1,000 providers.
    Providers,
    /// Memory of a worker's VM.
    Memory,
    /// Time from start to ready.
    Start,
    /// Fetches of the JWKS by 1 to 8 workers.
    Fetches,
}

impl Part {
    /// As `--only` and the report call it.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// What one experiment repeats.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Schedule {
    /// Rounds: in each, every variant has one turn, in a new random order.
    pub rounds: usize,
    /// Requests to each gateway before the first round: caches fill, and the VM's compiler has done
    /// its work.
    pub warm_up: usize,
    /// Counted requests of one round, as fast as they are answered: for the CPU time.
    pub requests: usize,
    /// Requests of one round at the fixed rate: for the latency.
    pub paced: usize,
}

/// A round is cut into turns of about so many counted requests, so that what comes and goes on the
/// machine meets all gateways of a round: with turns of a thousand the rounds spread twice as far.
const TURN: usize = 200;
/// So many requests begin a turn and are not counted: they find the processor's caches after
/// another gateway has used them, as a busy one's requests never do.
const LEAD: usize = 40;

impl Schedule {
    /// The requests that one gateway gets.
    pub(crate) fn total(&self) -> usize {
        self.warm_up + self.rounds * self.round()
    }

    /// The requests of a round.
    pub(crate) fn round(&self) -> usize {
        self.turns() * LEAD + self.requests + self.paced
    }

    /// In so many turns.
    fn turns(&self) -> usize {
        self.requests.div_ceil(TURN)
    }

    /// The turns of a round: from where in the round on requests are sent, from where on they are
    /// counted, and until where.
    pub(crate) fn each_turn(&self) -> impl Iterator<Item = [usize; 3]> {
        let (turns, requests) = (self.turns(), self.requests);
        (0..turns).map(move |turn| {
            let begin = turn * LEAD + requests * turn / turns;
            [begin, begin + LEAD, (turn + 1) * LEAD + requests * (turn + 1) / turns]
        })
    }

    /// Rounds measured after one restart of the gateways, of `restarts` in all.
    pub(crate) fn of_restart(&self, restart: usize, restarts: usize) -> Range<usize> {
        self.rounds * restart / restarts..self.rounds * (restart + 1) / restarts
    }

    /// Without latencies.
    pub(crate) fn unpaced(self) -> Self {
        Self { paced: 0, ..self }
    }
}

/// How much is measured.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// The parts.
    pub parts: BTreeSet<Part>,
    /// Numbers of Envoy's workers that the cost table is measured with; everything else is measured
    /// with one.
    pub workers: Vec<u32>,
    /// Number of times each gateway of the cost table, and of the sweeps over rows and providers,
    /// is started; each start measures its share of the rounds.
    pub restarts: usize,
    /// Where each token is used once.
    pub cold: Schedule,
    /// Likewise, for good tokens of the algorithms whose cost a figure is set for, with latencies:
    /// more rounds, since the bound is near.
    pub cold_judged: Schedule,
    /// Where tokens are used over and over, or none is needed.
    pub hot: Schedule,
    /// Where requests without a good token are measured.
    pub amplification: Schedule,
    /// Where instructions are counted.
    pub counts: Schedule,
    /// The parts of the cost table whose instructions are counted.
    pub counted: Vec<Part>,
    /// Requests a second where latency is measured.
    pub rate: u32,
    /// Connections of the load generator for each worker.
    pub connections: usize,
    /// Sizes of the role table.
    pub rows: Vec<usize>,
    /// Numbers of providers.
    pub providers: Vec<usize>,
    /// Token sizes, in bytes.
    pub sizes: Vec<usize>,
    /// Tokens in the cache whose memory is measured.
    pub cached_tokens: usize,
    /// Keys of the provider where memory is measured with many.
    pub keys: usize,
    /// Starts of each variant.
    pub starts: usize,
    /// Numbers of workers whose JWKS fetches are counted.
    pub fetching_workers: Vec<u32>,
    /// Refreshes for which each of them is watched.
    pub refreshes: u32,
    /// Of the random order of turns.
    pub seed: u64,
}

impl Plan {
    /// What the README shows.
    pub fn full() -> Self {
        Self {
            parts: Part::value_variants().iter().copied().collect(),
            workers: vec![1, 2],
            restarts: 7,
            // 20,000 tokens in all
            cold: Schedule { rounds: 21, warm_up: 2045, requests: 695, paced: 0 },
            // 92,000 tokens in all
            cold_judged: Schedule { rounds: 105, warm_up: 2040, requests: 615, paced: 80 },
            hot: Schedule { rounds: 21, warm_up: 4000, requests: 2500, paced: 100 },
            amplification: Schedule { rounds: 9, warm_up: 300, requests: 160, paced: 0 },
            // an assertion is kept for each token and row: all of them must have come
            counts: Schedule { rounds: 3, warm_up: 6000, requests: 100, paced: 0 },
            counted: vec![
                Part::ColdRs256,
                Part::ColdEs256,
                Part::Hot,
                Part::BadSignature,
                Part::NoToken,
                Part::WrongRole,
                Part::Undeclared,
            ],
            rate: 1000,
            connections: 64,
            rows: vec![10, 100, 1000, 10_000],
            providers: vec![1, 10, 100, 1000],
            sizes: vec![512, 1024, 4096],
            cached_tokens: 10_000,
            keys: 100,
            starts: 5,
            fetching_workers: vec![1, 2, 4, 8],
            refreshes: 10,
            seed: 7,
        }
    }

    /// Under five minutes: one worker, fewer requests, the ends of each scale, and nothing counted,
    /// which is slow.
    pub fn quick() -> Self {
        let mut parts = Self::full().parts;
        parts.remove(&Part::Counts);
        let cold = Schedule { rounds: 7, warm_up: 400, requests: 300, paced: 60 };
        Self {
            parts,
            workers: vec![1],
            restarts: 1,
            cold,
            cold_judged: cold,
            hot: Schedule { rounds: 7, warm_up: 2000, requests: 800, paced: 60 },
            rows: vec![10, 10_000],
            providers: vec![1, 1000],
            starts: 3,
            fetching_workers: vec![1, 4],
            refreshes: 4,
            ..Self::full()
        }
    }

    /// One round with few requests: shows that everything is answered and every figure is produced,
    /// and measures nothing.
    pub fn smoke() -> Self {
        let schedule = Schedule { rounds: 1, warm_up: 20, requests: 100, paced: 20 };
        Self {
            workers: vec![1, 2],
            restarts: 1,
            cold: schedule,
            cold_judged: schedule,
            hot: schedule,
            amplification: Schedule { requests: 20, paced: 0, ..schedule },
            counts: Schedule { requests: 20, paced: 0, ..schedule },
            counted: vec![Part::Hot, Part::NoToken],
            rows: vec![10, 100],
            providers: vec![1, 10],
            cached_tokens: 100,
            keys: 6,
            starts: 1,
            fetching_workers: vec![1, 2],
            refreshes: 2,
            ..Self::full()
        }
    }
}
