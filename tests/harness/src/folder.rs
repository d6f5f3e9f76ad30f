//! The folder of one run: configuration, logs, databases. It stays when the run ends, so that its
//! logs can be read, and the next run of that name starts with an empty one.
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::artifacts::target;
use crate::{Error, Result};

/// Of the name of a folder, in bytes.
const MAX_NAME: usize = 128;

/// Checks the name of a run, which becomes a part of paths: up to `longest` letters, digits, `-`
/// and `_`, and a letter or digit first.
///
/// # Errors
/// Says what was found and what is expected.
pub fn checked(name: &str, longest: usize) -> Result<&str, String> {
    let expected = format!(
        "expected 1 to {longest} ASCII letters, digits, `-` and `_`, the first a letter or a digit, as `up-2`"
    );
    if name.len() > longest {
        return Err(format!("the name has {} bytes; {expected}", name.len()));
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    match (name.chars().find(|c| !fits(*c)), name.chars().next()) {
        (Some(other), _) => Err(format!("the name has {other:?}; {expected}")),
        (None, None) => Err(format!("the name is empty; {expected}")),
        (None, Some(first @ ('-' | '_'))) => {
            Err(format!("the name begins with {first:?}; {expected}"))
        }
        (None, Some(_)) => Ok(name),
    }
}

/// `target/stacks/<name>`, held by us while this value lives.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// An empty folder of that name. While another run holds it, a number is added.
    ///
    /// # Errors
    /// It cannot be made, or the name is not one that [`checked`] accepts.
    pub fn empty(name: &str) -> Result<Self> {
        let name = checked(name, MAX_NAME)
            .map_err(|error| Error::Form(format!("folder `{name}`: {error}")))?;
        let stacks = target().join("stacks");
        fs::create_dir_all(&stacks).map_err(Error::io(format!("create {}", stacks.display())))?;
        let mut path = stacks.join(name);
        for number in 2.. {
            let lock = path.with_extension("lock");
            let file =
                File::create(&lock).map_err(Error::io(format!("create {}", lock.display())))?;
            if file.try_lock().is_ok() {
                if path.exists() {
                    fs::remove_dir_all(&path)
                        .map_err(Error::io(format!("empty {}", path.display())))?;
                }
                fs::create_dir(&path).map_err(Error::io(format!("create {}", path.display())))?;
                return Ok(Self { path, _lock: file });
            }
            path = stacks.join(format!("{name}-{number}"));
        }
        unreachable!("the numbers do not end")
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the file `name` in it is.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_a_folder_among_the_stacks_or_nowhere() {
        for good in ["up", "up-2", "a_b", "0", &"x".repeat(MAX_NAME)] {
            assert_eq!(checked(good, MAX_NAME), Ok(good));
        }
        for (bad, found) in [
            ("", "is empty"),
            ("../x", "has '.'"),
            ("a/b", "has '/'"),
            ("/tmp/x", "has '/'"),
            (".", "has '.'"),
            ("a b", "has ' '"),
            ("a\nb", "has '\\n'"),
            ("käse", "has 'ä'"),
            ("-x", "begins with '-'"),
            (&"x".repeat(MAX_NAME + 1), "has 129 bytes"),
        ] {
            let error = checked(bad, MAX_NAME).unwrap_err();
            assert!(error.contains(found) && error.contains("expected 1 to 128"), "{bad}: {error}");
            assert!(matches!(Folder::empty(bad), Err(Error::Form(_))), "{bad}");
        }
    }
}
