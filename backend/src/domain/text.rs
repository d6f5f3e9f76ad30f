//! Short texts that people write: names, descriptions, reasons.

/// A text of 1 to `MAX` characters, with no control character but line breaks and tabs, and not only white space.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text<const MAX: usize>(String);

/// Why a text is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing but white space.
    #[error("must not be empty")]
    Empty,
    /// More than `MAX` characters.
    #[error("must have at most {0} characters")]
    TooLong(usize),
    /// A control character, which would garble whatever shows it.
    #[error("must not have control characters")]
    Control,
}

impl<const MAX: usize> Text<MAX> {
    /// Takes the text as it is.
    ///
    /// # Errors
    /// If it is empty, too long, or has control characters.
    pub fn new(text: impl Into<String>) -> Result<Self, TextError> {
        let text = text.into();
        if text.trim().is_empty() {
            Err(TextError::Empty)
        } else if text.chars().count() > MAX {
            Err(TextError::TooLong(MAX))
        } else if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
            Err(TextError::Control)
        } else {
            Ok(Self(text))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_to_max_characters_and_no_control_characters() {
        for (text, expected) in [
            ("tea", Ok(())),
            ("Tee für", Ok(())),
            ("", Err(TextError::Empty)),
            (" \n", Err(TextError::Empty)),
            ("12345678", Err(TextError::TooLong(7))),
            ("a\u{0}b", Err(TextError::Control)),
            ("a\u{1b}[2J", Err(TextError::Control)),
        ] {
            assert_eq!(Text::<7>::new(text).map(|_| ()), expected, "{text:?}");
        }
    }
}
