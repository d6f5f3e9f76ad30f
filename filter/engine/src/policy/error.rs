//! What is wrong with a policy, where, and how to mend it.

use std::fmt;

use super::text::write_on_a_line;

/// One mistake in a policy document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    /// Where it is, as `services.shop.routes[3].match`. Empty: the document as a whole. Of several
    /// files, the file's name stands first, as `orders.yaml: services.shop`; [`file_and_place`]
    /// takes the two apart.
    pub place: String,
    /// What is wrong: lower case, no full stop, input in backticks.
    pub message: String,
    /// How to mend it.
    pub help: String,
    /// The other place, where two places contradict each other.
    pub other: Option<String>,
}

/// Every mistake that was found in a policy document; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyErrors(Vec<PolicyError>);

impl PolicyErrors {
    /// The mistakes, in the order in which they were found.
    pub fn iter(&self) -> std::slice::Iter<'_, PolicyError> {
        self.0.iter()
    }

    /// The same mistakes, told of a file of that name.
    #[must_use]
    pub fn in_file(mut self, file: &str) -> Self {
        for error in &mut self.0 {
            error.place = format!("{}{}", Place::document(Some(file)), error.place);
        }
        self
    }
}

/// The file's name, if there is one, and the place within the file.
pub fn file_and_place(place: &str) -> (Option<&str>, &str) {
    // names of providers and services hold no space, so the last one ends the file's name
    place.rsplit_once(FILE_END).map_or((None, place), |(file, place)| (Some(file), place))
}

/// What ends the file's name.
const FILE_END: &str = ": ";

impl From<PolicyError> for PolicyErrors {
    fn from(error: PolicyError) -> Self {
        Self(vec![error])
    }
}

impl IntoIterator for PolicyErrors {
    type Item = PolicyError;
    type IntoIter = std::vec::IntoIter<PolicyError>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a PolicyErrors {
    type Item = &'a PolicyError;
    type IntoIter = std::slice::Iter<'a, PolicyError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place.strip_suffix(FILE_END).unwrap_or(&self.place) {
            "" => {}
            place => write!(f, "{place}: ")?,
        }
        write!(f, "{}", self.message)?;
        if let Some(other) = &self.other {
            write!(f, " (see {other})")?;
        }
        write!(f, "\n  help: {}", self.help)
    }
}

impl fmt::Display for PolicyErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, error) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for PolicyError {}
impl std::error::Error for PolicyErrors {}

/// A place in the document, told from the inside out; text only when there is something to say.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    outer: Option<&'a Place<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Document(Option<&'a str>),
    Field(&'a str),
    Item(usize),
}

impl<'a> Place<'a> {
    /// The document itself, of the file of that name if there are several.
    pub(crate) const fn document(file: Option<&'a str>) -> Self {
        Self { outer: None, step: Step::Document(file) }
    }

    /// A field of this place.
    pub(crate) const fn field(&'a self, field: &'a str) -> Self {
        Self { outer: Some(self), step: Step::Field(field) }
    }

    /// An item of the list at this place.
    pub(crate) const fn item(&'a self, index: usize) -> Self {
        Self { outer: Some(self), step: Step::Item(index) }
    }

    const fn is_document(&self) -> bool {
        matches!(self.step, Step::Document(_))
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(outer) = self.outer {
            outer.fmt(f)?;
        }
        match self.step {
            Step::Document(None) => Ok(()),
            Step::Document(Some(file)) => write!(f, "{file}{FILE_END}"),
            Step::Field(field) => {
                let dot = if self.outer.is_some_and(Self::is_document) { "" } else { "." };
                f.write_str(dot)?;
                write_on_a_line(f, field.chars())
            }
            Step::Item(index) => write!(f, "[{index}]"),
        }
    }
}

/// Collects mistakes, so that a person sees all of them at once.
#[derive(Default)]
pub(crate) struct Errors(Vec<PolicyError>);

impl Errors {
    /// Notes a mistake.
    pub(crate) fn add(
        &mut self,
        place: impl fmt::Display,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let (place, message, help) = (place.to_string(), message.into(), help.into());
        self.0.push(PolicyError { place, message, help, other: None });
    }

    /// Notes two places that contradict each other.
    pub(crate) fn clash(
        &mut self,
        place: impl fmt::Display,
        other: impl fmt::Display,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let (place, message, help) = (place.to_string(), message.into(), help.into());
        self.0.push(PolicyError { place, message, help, other: Some(other.to_string()) });
    }

    /// `whole`, if nothing was noted.
    pub(crate) fn none_or<T>(self, whole: T) -> Result<T, PolicyErrors> {
        if self.0.is_empty() { Ok(whole) } else { Err(PolicyErrors(self.0)) }
    }
}
