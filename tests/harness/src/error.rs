//! What can go wrong: each names the part, the mend, and the end of the log where there is one.
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// Why a part could not be had, started or asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The machine lacks something that cannot be fetched for it.
    #[error("{what} is missing: {mend}")]
    Missing {
        /// What is missing, in words.
        what: String,
        /// The command that installs it.
        mend: String,
    },
    /// A command that fetches or builds something failed.
    #[error("{step} failed ({status}): {mend}{tail}")]
    Step {
        /// What it was to do.
        step: String,
        /// How it ended.
        status: String,
        /// What the reader can do.
        mend: String,
        /// The end of what it said.
        tail: Tail,
    },
    /// Somebody else listens on a port that a part was given.
    #[error("port {port} on 127.0.0.1, wanted by {part}, is taken: {mend}")]
    PortTaken {
        /// The port.
        port: u16,
        /// Who wanted it.
        part: String,
        /// How to choose another.
        mend: String,
    },
    /// A child ended by itself.
    #[error("{part} ended ({status}){tail}")]
    Died {
        /// Its name.
        part: String,
        /// Exit code or signal.
        status: ExitStatus,
        /// The end of its log.
        tail: Tail,
    },
    /// A child runs, but does not do its work.
    #[error("{part} was not ready after {seconds} s{tail}")]
    NotReady {
        /// Its name.
        part: String,
        /// How long it had.
        seconds: u64,
        /// The end of its log.
        tail: Tail,
    },
    /// A configuration or an answer is not of the expected form.
    #[error("{0}")]
    Form(String),
    /// A file or process operation failed.
    #[error("cannot {doing}: {source}")]
    Io {
        /// The operation, with the path.
        doing: String,
        /// The system's reason.
        source: io::Error,
    },
    /// A development provider did not do what it was told.
    #[error(transparent)]
    Control(#[from] dev_idp::ControlError),
    /// A part did not answer.
    #[error("no answer: {0:?}")]
    Http(#[from] reqwest::Error),
}

impl Error {
    /// For `map_err` on I/O: what was being done, path included.
    pub fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }
}

/// The last lines of a log, shown indented under the error.
#[derive(Clone, Debug, Default)]
pub struct Tail {
    path: Option<PathBuf>,
    lines: Vec<String>,
}

impl Tail {
    /// So many lines are shown.
    const LENGTH: usize = 15;

    /// The end of `text`, which is kept in `path` if it is kept.
    pub fn of(text: &str, path: Option<&Path>) -> Self {
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let from = lines.len().saturating_sub(Self::LENGTH);
        Self {
            path: path.map(Path::to_owned),
            lines: lines[from..].iter().map(|&line| line.to_owned()).collect(),
        }
    }
}

impl fmt::Display for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "\n  the end of {}:", path.display())?;
        }
        self.lines.iter().try_for_each(|line| write!(f, "\n  | {line}"))
    }
}
