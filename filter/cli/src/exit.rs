//! How a run ends.

use std::process::ExitCode;

use crate::report::Finding;

/// What the exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: fine.
    Fine,
    /// 1: it could not run.
    Failed,
    /// 2: the answer is no.
    No,
    /// 3: the policy does not load.
    Unloadable,
}

/// What a verb says, and how it ends.
#[derive(Clone, Debug)]
pub struct Answer {
    /// For the standard output.
    pub text: String,
    /// How it ends.
    pub exit: Exit,
}

/// Why a verb has no answer.
#[derive(Debug)]
pub enum Trouble {
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

impl Exit {
    /// 0 to 3.
    pub const fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Failed => 1,
            Self::No => 2,
            Self::Unloadable => 3,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

impl Answer {
    /// It is fine.
    pub fn fine(text: String) -> Self {
        Self { text, exit: Exit::Fine }
    }
}

impl Trouble {
    /// It could not run.
    pub fn run(message: impl Into<String>) -> Self {
        Self::Run { message: message.into(), help: None }
    }

    /// It could not run, and can be helped.
    pub fn helped(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Run { message: message.into(), help: Some(help.into()) }
    }

    /// How the run ends.
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Run { .. } | Self::Input(_) => Exit::Failed,
            Self::Policy(_) => Exit::Unloadable,
        }
    }
}

impl From<Box<Finding>> for Trouble {
    fn from(finding: Box<Finding>) -> Self {
        Self::Input(finding)
    }
}
