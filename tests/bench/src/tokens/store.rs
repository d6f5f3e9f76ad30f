//! Sets of tokens, one file each in `target/bench`: one token a line, after a line that says when
//! they end.
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use hyper::header::HeaderValue;

use super::{Claims, Key};

/// How long tokens are good for.
const LIFE: u64 = 30 * DAY;
/// Tokens that end sooner are made anew: no run takes that long.
const REST: u64 = DAY;
const DAY: u64 = 24 * 60 * 60;

/// A set of different tokens, each as the value of an `Authorization` header.
#[derive(Clone, Debug)]
pub(crate) struct Tokens(pub(crate) Vec<HeaderValue>);

impl Tokens {
    /// The first `count` tokens of a set, from its file, or made now on all cores.
    pub(crate) fn of(key: &Key, claims: &Claims, count: usize) -> Result<Self> {
        Self::each_of(&[(key, claims.clone())], count)
    }

    /// Likewise for a set that several keys sign in turn.
    pub(crate) fn each_of(signers: &[(&Key, Claims)], count: usize) -> Result<Self> {
        let (key, claims) = signers.first().context("nobody signs")?;
        let path = path(&format!("{}-{}-{}-{}", claims.set, signers.len(), key.kid, claims.size))?;
        let kept = read(&path).filter(|kept| kept.len() >= count);
        let make_and_keep = || {
            let expires = now() + LIFE;
            let made = make(count, |number| {
                let (key, claims) = &signers[number % signers.len()];
                claims.sign(key, number, expires)
            });
            let text = format!("{expires}\n{}\n", made.join("\n"));
            fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
            anyhow::Ok(made)
        };
        let tokens = kept.map_or_else(make_and_keep, Ok)?;
        Ok(Self(tokens[..count].iter().map(|token| bearer(token)).collect()))
    }

    /// The same tokens, each with the signature of the next: well formed, of the right key, and not
    /// good.
    pub(crate) fn with_signatures_exchanged(&self) -> Self {
        let split = |value: &HeaderValue| {
            let text = value.to_str().expect("tokens are ASCII");
            let (message, signature) = text.rsplit_once('.').expect("tokens have three parts");
            (message.to_owned(), signature.to_owned())
        };
        let parts: Vec<_> = self.0.iter().map(split).collect();
        let next = parts.iter().cycle().skip(1);
        let exchanged =
            parts.iter().zip(next).map(|((message, _), (_, other))| format!("{message}.{other}"));
        Self(exchanged.map(|text| HeaderValue::try_from(text).expect("tokens are ASCII")).collect())
    }
}

fn make(count: usize, sign: impl Fn(usize) -> String + Sync) -> Vec<String> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let share = count.div_ceil(cores);
    thread::scope(|scope| {
        let sign = &sign;
        let part = |core: usize| {
            let numbers = (core * share).min(count)..((core + 1) * share).min(count);
            scope.spawn(move || numbers.map(sign).collect::<Vec<_>>())
        };
        let parts: Vec<_> = (0..cores).map(part).collect();
        parts.into_iter().flat_map(|part| part.join().expect("signing does not panic")).collect()
    })
}

/// The value of an `Authorization` header.
pub(crate) fn bearer(token: &str) -> HeaderValue {
    HeaderValue::try_from(format!("Bearer {token}")).expect("tokens are ASCII")
}

fn path(name: &str) -> Result<PathBuf> {
    let folder = harness::artifacts::target().join("bench/tokens");
    fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    Ok(folder.join(name))
}

/// `None`: there is no such file, or its tokens end soon.
fn read(path: &PathBuf) -> Option<Vec<String>> {
    let text = fs::read_to_string(path).ok()?;
    let mut lines = text.lines().map(str::to_owned);
    let expires: u64 = lines.next()?.parse().ok()?;
    (expires > now() + REST).then(|| lines.collect())
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
