//! A path template: `/orders/{order_id}`, `/files/{*rest}`.

use thiserror::Error;

use crate::authz::path::{CanonicalPath, PathError};

/// A checked path template. Parameters and the rest match what is not empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Template(Box<str>);

/// One part of a template, between slashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment<'a> {
    /// Compared byte for byte. Empty: what follows a trailing slash.
    Literal(&'a str),
    /// `{name}`: any one segment.
    Parameter(&'a str),
    /// `{*name}`: everything that is left, at the end only.
    Rest(&'a str),
}

/// Why a text is no template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// A parameter is a whole segment or none of it.
    #[error("a parameter is a whole segment, as `/orders/{{order_id}}`")]
    PartOfSegment,
    /// Names are for people and for the service's router.
    #[error("a parameter's name is made of letters, digits and `_`")]
    Name,
    /// Nothing can follow everything.
    #[error("`{{*rest}}` stands at the end only")]
    RestNotLast,
    /// One name for two values.
    #[error("two parameters have the same name")]
    NameTwice,
    /// No canonical path could match it.
    #[error("no path can match it: {0}")]
    Path(#[from] PathError),
    /// Literals have one spelling.
    #[error("an escape is written in upper case, and only where it must be")]
    Spelling,
    /// A template holds no query.
    #[error("it has a query")]
    Query,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// Says why a text is no template.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let template = Self(text.into());
        let mut names = Vec::new();
        // what a request could look like: the template is checked as any path is
        let mut sample = String::new();
        let mut segments = template.segments().peekable();
        while let Some(segment) = segments.next() {
            let value = match segment {
                Segment::Literal(literal) if literal.contains(['{', '}']) => {
                    return Err(TemplateError::PartOfSegment);
                }
                Segment::Literal(literal) => literal,
                Segment::Rest(_) if segments.peek().is_some() => {
                    return Err(TemplateError::RestNotLast);
                }
                Segment::Parameter(name) | Segment::Rest(name) => {
                    if name.is_empty()
                        || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
                    {
                        return Err(TemplateError::Name);
                    }
                    if names.contains(&name) {
                        return Err(TemplateError::NameTwice);
                    }
                    names.push(name);
                    "x"
                }
            };
            sample.push('/');
            sample.push_str(value);
        }
        drop(segments);
        if !text.starts_with('/') {
            return Err(PathError::NoSlash.into());
        }
        let path = CanonicalPath::parse(sample.as_bytes())?;
        if path.as_str() != sample {
            return Err(TemplateError::Query);
        }
        if path.spelling() != sample {
            return Err(TemplateError::Spelling);
        }
        Ok(template)
    }

    /// The template as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its parts, in order.
    pub fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        let segments = self.0.strip_prefix('/').unwrap_or(&self.0);
        segments.split('/').map(|segment| {
            let inner = segment.strip_prefix('{').and_then(|s| s.strip_suffix('}'));
            match inner.filter(|name| !name.contains(['{', '}'])) {
                None => Segment::Literal(segment),
                Some(name) => {
                    name.strip_prefix('*').map_or(Segment::Parameter(name), Segment::Rest)
                }
            }
        })
    }
}

impl std::fmt::Display for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_literals_parameters_and_at_most_one_rest() {
        use Segment::{Literal, Parameter, Rest};
        let segments = |text| {
            Template::parse(text).unwrap().segments().map(|s| format!("{s:?}")).collect::<Vec<_>>()
        };
        let shown =
            |list: &[Segment<'_>]| list.iter().map(|s| format!("{s:?}")).collect::<Vec<_>>();
        assert_eq!(segments("/"), shown(&[Literal("")]));
        assert_eq!(segments("/orders/"), shown(&[Literal("orders"), Literal("")]));
        assert_eq!(
            segments("/orders/{order_id}/items"),
            shown(&[Literal("orders"), Parameter("order_id"), Literal("items")])
        );
        assert_eq!(segments("/files/{*rest}"), shown(&[Literal("files"), Rest("rest")]));
        assert_eq!(
            segments("/shop.v1.Orders/Get"),
            shown(&[Literal("shop.v1.Orders"), Literal("Get")])
        );
    }

    #[test]
    fn what_no_request_could_match_in_one_way_is_no_template() {
        for (text, error) in [
            ("orders", TemplateError::Path(PathError::NoSlash)),
            ("*", TemplateError::Path(PathError::NoSlash)),
            ("", TemplateError::Path(PathError::NoSlash)),
            ("{a}", TemplateError::Path(PathError::NoSlash)),
            ("/a//b", TemplateError::Path(PathError::EmptySegment)),
            ("/a/../b", TemplateError::Path(PathError::DotSegment)),
            ("/a b", TemplateError::Path(PathError::Unescaped)),
            ("/a%2Fb", TemplateError::Path(PathError::EscapedDelimiter)),
            ("/a?b", TemplateError::Query),
            ("/caf%c3%a9", TemplateError::Spelling),
            ("/a%3Ab", TemplateError::Spelling),
            ("/{a}.png", TemplateError::PartOfSegment),
            ("/{a}{b}", TemplateError::PartOfSegment),
            ("/{a", TemplateError::PartOfSegment),
            ("/{}", TemplateError::Name),
            ("/{*}", TemplateError::Name),
            ("/{a-b}", TemplateError::Name),
            ("/{*rest}/b", TemplateError::RestNotLast),
            ("/{*rest}/", TemplateError::RestNotLast),
            ("/{a}/{a}", TemplateError::NameTwice),
        ] {
            assert_eq!(Template::parse(text), Err(error), "{text}");
        }
    }
}
