//! What a worker asks of its host besides the clocks, which are arguments: data shared with the
//! other workers, and randomness for jitter.

/// An entry of shared data, and the version to compare with when replacing it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedEntry {
    /// The content.
    pub value: Vec<u8>,
    /// Changes with every write.
    pub version: u32,
}

/// The host's side of a worker.
pub trait Environment {
    /// The entry of that name, if there is one.
    fn shared(&self, name: &str) -> Option<SharedEntry>;
    /// Stores `value`, whatever was there.
    fn share(&mut self, name: &str, value: &[u8]);
    /// Stores `value` if the entry is still as it was `seen` (`None`: absent). Says whether it did.
    fn swap(&mut self, name: &str, value: &[u8], seen: Option<&SharedEntry>) -> bool;
    /// A random number: for jitter, not for secrets.
    fn random(&mut self) -> u64;
}
