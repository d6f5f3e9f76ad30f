//! That a request may go on: success is a permit, and identity headers can be written from it and from nothing else.

use std::rc::Rc;

use portcullis_principal::SigningKey;

use crate::authn::bearer::Headers;
use crate::decide::Trace;
use crate::handoff::{Assertions, Caller, Endpoint, HandoffError, IdentityHeaders};
use crate::policy::{Policy, RowId, ServiceId, SourceId};
use crate::reason::Reason;
use crate::strip::Verified;
use crate::time::Now;

/// That a request may go on. Identity headers can be written from it and from nothing else.
#[derive(Clone, Debug)]
pub struct Permit {
    service: Option<ServiceId>,
    row: Option<RowId>,
    source: Option<SourceId>,
    caller: Option<Rc<Caller>>,
    shadow: Option<Reason>,
}

impl Permit {
    pub(crate) fn of(trace: &Trace, shadow: Option<Reason>) -> Self {
        let Trace { service, row, source, ref caller, .. } = *trace;
        Self { service, row, source, caller: caller.clone(), shadow }
    }

    /// Why the request would have been refused, if it only passes because of the shadow mode.
    pub const fn shadow(&self) -> Option<Reason> {
        self.shadow
    }

    /// The verified client, if there is one.
    pub fn caller(&self) -> Option<&Rc<Caller>> {
        self.caller.as_ref()
    }

    /// The identity headers that the service gets, and the signed assertion if the policy wants one; none without a
    /// verified client.
    ///
    /// # Errors
    /// [`Reason::HandoffFailed`] is what the request must end with.
    pub fn headers<'a>(
        &'a self,
        policy: &'a Policy,
        (assertions, key): (&mut Assertions, Option<&SigningKey>),
        method: &str,
        now: Now,
    ) -> Result<IdentityHeaders<'a>, HandoffError> {
        let (Some(caller), Some(service)) = (&self.caller, self.service) else {
            return Ok(IdentityHeaders::default());
        };
        caller.headers(policy, (assertions, key), Endpoint { service, row: self.row, method }, now.wall)
    }

    /// Whether the service does not get a header of this name: see [`crate::strip`].
    pub fn removes(&self, policy: &Policy, name: &str) -> bool {
        policy.header_rules().removes(name, self.verified(policy))
    }

    /// The values of the `Cookie` headers that the service gets in place of the ones received; `None` if they stay.
    pub fn cookies_left(&self, policy: &Policy, headers: Headers<'_>) -> Option<Vec<Vec<u8>>> {
        policy.header_rules().cookies_left(headers, self.verified(policy))
    }

    /// Where the verified token is. In shadow mode a request passes with a token that was found and not verified.
    fn verified(&self, policy: &Policy) -> Verified {
        Verified {
            source: self.source.filter(|_| self.caller.is_some()),
            forwarded: policy.identity().forward_token,
        }
    }
}
