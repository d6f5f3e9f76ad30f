//! Where everything stands in a YAML text (and so in JSON, which is YAML): nodes with their bytes,
//! found by places as `services.shop.routes[3].match`.

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use granit_parser::{Event, Options, Parser, Span, StructureStyle};

/// A node, and the bytes that it is written in.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// The bytes.
    pub(super) span: Range<usize>,
    /// Between brackets, not on lines of its own.
    flow: bool,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    Scalar,
    List(Vec<Rc<Node>>),
    Map(Vec<(Key, Rc<Node>)>),
}

/// A name in a map.
#[derive(Clone, Debug)]
struct Key {
    name: String,
    span: Range<usize>,
}

/// What a place leads to.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// How many bytes of the place led somewhere.
    pub(super) matched: usize,
    /// What to mark.
    pub(super) mark: Range<usize>,
    /// Its name, if it has one.
    pub(super) name: Option<Range<usize>>,
}

impl Node {
    /// The nodes of the first document; `None` if it cannot be read.
    pub(super) fn parse(text: &str) -> Option<Rc<Self>> {
        let mut options = Options::default();
        options.set_emit_comments(false);
        let mut builder = Builder {
            parser: Parser::new_from_str_with_options(text, options),
            anchors: HashMap::new(),
        };
        loop {
            match builder.next()? {
                (Event::StreamStart | Event::DocumentStart(..), _) => {}
                first => return builder.node(first),
            }
        }
    }

    /// The deepest node on the way to `place`.
    pub(super) fn find(self: &Rc<Self>, place: &str) -> Found {
        self.deepest(place, 0, None)
    }

    fn deepest(&self, place: &str, matched: usize, key: Option<&Key>) -> Found {
        let name = key.map(|key| key.span.clone());
        let here = Found { matched, mark: self.mark(key), name };
        let Some(rest) = place.get(matched..).filter(|rest| !rest.is_empty()) else { return here };
        let candidates: Vec<Found> = match &self.content {
            Content::Scalar => Vec::new(),
            Content::List(items) => index(rest)
                .and_then(|(at, length)| {
                    Some(items.get(at)?.deepest(place, matched + length, None))
                })
                .into_iter()
                .collect(),
            Content::Map(entries) => {
                let dot = usize::from(matched > 0 && rest.starts_with('.'));
                let name = &rest[dot..];
                // names may hold dots, so every name that fits is tried
                let fits = |key: &Key| {
                    name.strip_prefix(key.name.as_str())
                        .is_some_and(|left| left.is_empty() || left.starts_with(['.', '[']))
                };
                let own = entries.iter().filter(|(key, _)| fits(key)).map(|(key, node)| {
                    node.deepest(place, matched + dot + key.name.len(), Some(key))
                });
                let merged = entries.iter().filter(|(key, _)| key.name == "<<");
                own.chain(merged.map(|(_, node)| node.deepest(place, matched, None))).collect()
            }
        };
        let deeper = candidates.into_iter().filter(|found| found.matched > matched);
        deeper.max_by_key(|found| found.matched).unwrap_or(here)
    }

    /// The node itself where it is short, else its name.
    fn mark(&self, key: Option<&Key>) -> Range<usize> {
        match (&self.content, key) {
            (Content::Scalar, _) => self.span.clone(),
            (_, _) if self.flow => self.span.clone(),
            (_, Some(key)) => key.span.clone(),
            (Content::Map(entries), None) => match entries.first() {
                Some((key, value)) => key.span.start..value.span.end,
                None => self.span.clone(),
            },
            (Content::List(_), None) => self.span.clone(),
        }
    }
}

/// `[3]`, and its length.
fn index(rest: &str) -> Option<(usize, usize)> {
    let inner = rest.strip_prefix('[')?;
    let end = inner.find(']')?;
    Some((inner[..end].parse().ok()?, end + 2))
}

struct Builder<'a> {
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    anchors: HashMap<usize, Rc<Node>>,
}

impl<'a> Builder<'a> {
    fn next(&mut self) -> Option<(Event<'a>, Span)> {
        self.parser.next_event()?.ok()
    }

    fn node(&mut self, (event, span): (Event<'a>, Span)) -> Option<Rc<Node>> {
        let span = span.byte_range()?;
        let (node, anchor) = match event {
            Event::Scalar(_, _, anchor, _) => {
                (Node { span, flow: true, content: Content::Scalar }, anchor)
            }
            Event::Alias(id) => {
                // the place where it is used is what a reader must see, the content is the anchor's
                let content = self.anchors.get(&id)?.content.clone();
                return Some(Rc::new(Node { span, flow: true, content }));
            }
            Event::SequenceStart(style, anchor, _) => {
                let mut items = Vec::new();
                let end = loop {
                    match self.next()? {
                        (Event::SequenceEnd, end) => break end,
                        item => items.push(self.node(item)?),
                    }
                };
                (self.collection(span, &end, style, Content::List(items)), anchor)
            }
            Event::MappingStart(style, anchor, _) => {
                let mut entries = Vec::new();
                let end = loop {
                    match self.next()? {
                        (Event::MappingEnd, end) => break end,
                        (key, key_span) => {
                            let name =
                                key.scalar().map(|(name, _)| name.to_owned()).unwrap_or_default();
                            let key = Key { name, span: self.node((key, key_span))?.span.clone() };
                            let value = self.next()?;
                            entries.push((key, self.node(value)?));
                        }
                    }
                };
                (self.collection(span, &end, style, Content::Map(entries)), anchor)
            }
            _ => return None,
        };
        let node = Rc::new(node);
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        Some(node)
    }

    #[allow(clippy::unused_self)]
    fn collection(
        &self,
        start: Range<usize>,
        end: &Span,
        style: StructureStyle,
        content: Content,
    ) -> Node {
        let end = end.byte_range().map_or(start.end, |end| end.end).max(start.end);
        Node { span: start.start..end, flow: style == StructureStyle::Flow, content }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
services:
  shop.example:
    routes:
      - { match: \"GET /a\", public: true }
      - match: GET /b
        roles: [admin, \"käufer\"]
  shop: &shop
    hosts: ['*']
  other:
    <<: *shop
    mode: enforce
";

    fn marked(place: &str) -> (&str, &'static str) {
        let found = Node::parse(TEXT).unwrap().find(place);
        let leak: &'static str = TEXT.get(found.mark).unwrap();
        (place.get(found.matched..).unwrap(), leak)
    }

    #[test]
    fn a_place_leads_to_its_bytes() {
        for (place, text) in [
            ("services", "services"),
            ("services.shop.example.routes[0]", "{ match: \"GET /a\", public: true }"),
            ("services.shop.example.routes[0].match", "\"GET /a\""),
            ("services.shop.example.routes[1]", "match: GET /b"),
            ("services.shop.example.routes[1].match", "GET /b"),
            ("services.shop.example.routes[1].roles[1]", "\"käufer\""),
            ("services.shop.hosts[0]", "'*'"),
            ("services.other.hosts[0]", "'*'"),
            ("services.other.mode", "enforce"),
        ] {
            assert_eq!(marked(place), ("", text), "{place}");
        }
    }

    #[test]
    fn a_place_that_is_not_written_leads_to_the_nearest_that_is() {
        for (place, left, text) in [
            ("services.shop.mode", ".mode", "shop"),
            (
                "services.shop.example.routes[0].roles",
                ".roles",
                "{ match: \"GET /a\", public: true }",
            ),
            ("services.shop.example.routes[7].match", "[7].match", "routes"),
            ("identity.headers", "identity.headers", "services:"),
        ] {
            let (rest, marked) = marked(place);
            assert_eq!(rest, left, "{place}");
            assert!(marked.starts_with(text), "{place}: {marked}");
        }
    }

    #[test]
    fn what_is_no_yaml_has_no_nodes() {
        for text in ["a: [", "a: b: c", "\t- x: {", "a: *unknown", ""] {
            assert!(
                Node::parse(text).is_none_or(|node| matches!(node.content, Content::Scalar)),
                "{text}"
            );
        }
    }
}
