//! What is set for each endpoint, and what happens when somebody asks there.
use std::time::Instant;

use super::{Caching, Counts, Endpoint, Fault, Fetches};
use crate::Misuse;

/// The scripts of all endpoints, on one clock.
pub(crate) struct Scripts {
    started: Instant,
    discovery: Script,
    jwks: Script,
    token: Script,
}

#[derive(Default)]
struct Script {
    fault: Option<Fault>,
    /// How many more requests meet the fault; `None`: all.
    times: Option<u32>,
    caching: Caching,
    fetches: Fetches,
}

impl Scripts {
    pub(crate) fn new() -> Self {
        let [discovery, jwks, token] = <[Script; 3]>::default();
        Self { started: Instant::now(), discovery, jwks, token }
    }

    /// Sets the fault of the next `times` requests, or of all that come.
    pub(crate) fn fault(
        &mut self,
        endpoint: Endpoint,
        fault: Fault,
        times: Option<u32>,
    ) -> Result<(), Misuse> {
        fault.check(endpoint)?;
        let script = self.at(endpoint);
        (script.fault, script.times) = (Some(fault), times);
        Ok(())
    }

    /// Ends the fault.
    pub(crate) fn heal(&mut self, endpoint: Endpoint) {
        self.at(endpoint).fault = None;
    }

    pub(crate) fn caching(&mut self, endpoint: Endpoint, caching: Caching) -> Result<(), Misuse> {
        caching.check()?;
        self.at(endpoint).caching = caching;
        Ok(())
    }

    /// A request arrives: it is counted, and told what it meets.
    pub(crate) fn arrival(&mut self, endpoint: Endpoint) -> (Option<Fault>, Caching) {
        let at_micros = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let script = self.at(endpoint);
        script.fetches.add(at_micros);
        match &mut script.times {
            Some(0) => script.fault = None,
            Some(left) => *left -= 1,
            None => {}
        }
        (script.fault.clone(), script.caching.clone())
    }

    pub(crate) fn counts(&self) -> Counts {
        let of = |script: &Script| script.fetches.clone();
        Counts { discovery: of(&self.discovery), jwks: of(&self.jwks), token: of(&self.token) }
    }

    /// No faults, no caching, no counts; the clock goes on.
    pub(crate) fn reset(&mut self) {
        *self = Self { started: self.started, ..Self::new() };
    }

    fn at(&mut self, endpoint: Endpoint) -> &mut Script {
        match endpoint {
            Endpoint::Discovery => &mut self.discovery,
            Endpoint::Jwks => &mut self.jwks,
            Endpoint::Token => &mut self.token,
        }
    }
}
