//! The fenced blocks of the documents. A block's info string says what it is: how it is run or
//! loaded.
use std::fmt;
use std::fs;

use harness::artifacts::root;

/// All documents.
pub(super) const DOCUMENTS: [&str; 9] = [
    "README.md",
    GETTING_STARTED,
    "envoy/docs/refusal-reasons.md",
    "envoy/README.md",
    "filter/ARCHITECTURE.md",
    "tests/bench/README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
];
/// The newcomer's walk.
pub(super) const GETTING_STARTED: &str = "envoy/docs/getting-started.md";

/// A fenced block.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) document: &'static str,
    line: usize,
    /// What stands behind the opening fence.
    pub(super) info: String,
    pub(super) text: String,
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} ({})", self.document, self.line, self.info)
    }
}

pub(super) fn document(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// All blocks, in their order.
pub(super) fn blocks() -> Vec<Block> {
    DOCUMENTS.into_iter().flat_map(of).collect()
}

/// The blocks that are this, in their order.
pub(super) fn blocks_of(info: &str) -> Vec<Block> {
    let found: Vec<_> = blocks().into_iter().filter(|block| block.info == info).collect();
    assert!(!found.is_empty(), "no document has a block `{info}`");
    found
}

fn of(name: &'static str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in (1..).zip(document(name).lines()) {
        let fence = line.strip_prefix("```");
        assert!(
            fence.is_some() || !line.trim_start().starts_with("```"),
            "{name}:{number}: fences are not indented"
        );
        match (fence, open.as_mut()) {
            (Some(""), Some(_)) => blocks.extend(open.take()),
            (Some(info), None) => {
                open = Some(Block {
                    document: name,
                    line: number,
                    info: info.to_owned(),
                    text: String::new(),
                });
            }
            (None, Some(block)) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (Some(_), Some(block)) => panic!("{block} does not end before {name}:{number}"),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{name} ends in a block");
    blocks
}

/// The prose, without blocks.
pub(super) fn prose(name: &str) -> String {
    let text = document(name);
    text.split("\n```").step_by(2).collect::<Vec<_>>().join("\n")
}
