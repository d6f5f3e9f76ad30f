//! How a run ends.

use std::process::ExitCode;

use crate::diagnostics::Finding;

/// What the exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// 0: fine.
    Success,
    /// 1: it could not run.
    Error,
    /// 2: the answer is no.
    CheckFailed,
    /// 3: the policy does not load.
    InvalidPolicy,
}

/// What a verb says, and how it ends.
#[derive(Clone, Debug)]
pub struct Answer {
    /// For the standard output.
    pub text: String,
    /// How it ends.
    pub exit: ExitStatus,
}

/// Why a verb has no answer.
#[derive(Debug)]
pub enum CliError {
    /// It could not run.
    Run {
        /// What is wrong.
        message: String,
        /// How to mend it.
        help: Option<String>,
    },
    /// It could not run, and a line of a file is why.
    Input(Box<Finding>),
    /// The policy does not load.
    Policy(Vec<Finding>),
}

impl ExitStatus {
    /// 0 to 3.
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Error => 1,
            Self::CheckFailed => 2,
            Self::InvalidPolicy => 3,
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(exit: ExitStatus) -> Self {
        exit.code().into()
    }
}

impl Answer {
    /// It is fine.
    pub fn fine(text: String) -> Self {
        Self { text, exit: ExitStatus::Success }
    }
}

impl CliError {
    /// It could not run.
    pub fn run(message: impl Into<String>) -> Self {
        Self::Run { message: message.into(), help: None }
    }

    /// It could not run, and can be helped.
    pub fn helped(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Run { message: message.into(), help: Some(help.into()) }
    }

    /// How the run ends.
    pub const fn exit(&self) -> ExitStatus {
        match self {
            Self::Run { .. } | Self::Input(_) => ExitStatus::Error,
            Self::Policy(_) => ExitStatus::InvalidPolicy,
        }
    }
}

impl From<Box<Finding>> for CliError {
    fn from(finding: Box<Finding>) -> Self {
        Self::Input(finding)
    }
}
