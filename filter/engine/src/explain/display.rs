//! An explanation as a person reads it.

use std::fmt;

use crate::explain::{Answer, Explanation, Handoff, Outcome, Refusal, Step};

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            step.fmt(f)?;
        }
        writeln!(f)?;
        self.outcome.fmt(f)?;
        self.handoff.iter().try_for_each(|handoff| handoff.fmt(f))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<15} {}", self.level, self.answer)?;
        self.because.iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passed => "passed",
            Self::Refused => "refused",
            Self::Waits => "waits",
            Self::NotAsked => "not asked",
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow => writeln!(f, "decision: allow"),
            Self::AllowInShadow(refusal) => {
                writeln!(f, "decision: allow, in shadow mode only; it would be refused with")?;
                refusal.fmt(f)
            }
            Self::Refuse(refusal) => {
                writeln!(f, "decision: refuse")?;
                refusal.fmt(f)
            }
            Self::Wait { provider, keys } => {
                writeln!(f, "decision: wait for the keys of `{provider}`, from {keys}")
            }
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  reason: {} ({})", self.reason, self.rule)?;
        writeln!(f, "  status: {}", self.status)?;
        match &self.challenge {
            Some(challenge) => writeln!(f, "  www-authenticate: {challenge}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Handoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.written.is_empty() || self.assertion.is_some() {
            writeln!(f, "the service receives, besides what the client sent")?;
        }
        for (name, value) in &self.written {
            writeln!(f, "{}", format!("  {name}: {value}").trim_end())?;
        }
        if let Some(assertion) = &self.assertion {
            writeln!(f, "  a signed assertion that says")?;
            for (name, value) in assertion.as_object().into_iter().flatten() {
                writeln!(f, "    {name}: {value}")?;
            }
        }
        if self.removed.is_empty() {
            return Ok(());
        }
        writeln!(f, "taken off what the client sent: {}", self.removed.join(", "))
    }
}
