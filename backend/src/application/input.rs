//! What the caller sent, not looked at yet. A use case reads it only once the right is decided: a stranger learns nothing
//! from what is wrong with it.

/// Reads what was sent.
pub trait Input<T>: FnOnce() -> Result<T, Invalid> + Send {}

impl<T, F: FnOnce() -> Result<T, Invalid> + Send> Input<T> for F {}

/// Why it makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// It cannot be read at all.
    #[error("the body is not JSON")]
    Syntax {
        /// Where it ends to be: line and column.
        at: (usize, usize),
    },
    /// It says that it is something else.
    #[error("the body is not said to be JSON")]
    MediaType,
    /// It can be read, and these parts of it are not what they should be.
    #[error("{} fields are not what they should be", .0.len())]
    Fields(Vec<Fault>),
}

/// One part that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which.
    pub at: At,
    /// What it should be.
    pub detail: String,
}

/// Where a part was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// In the body: a JSON pointer (RFC 6901).
    Body(String),
    /// In the query: a parameter's name.
    Query(&'static str),
}

impl Fault {
    /// A part of the body.
    pub fn body(pointer: impl Into<String>, detail: &impl ToString) -> Self {
        Self { at: At::Body(pointer.into()), detail: detail.to_string() }
    }

    /// A parameter of the query.
    pub fn query(parameter: &'static str, detail: &impl ToString) -> Self {
        Self { at: At::Query(parameter), detail: detail.to_string() }
    }

    /// Nothing but this.
    pub fn alone(self) -> Invalid {
        Invalid::Fields(vec![self])
    }
}
